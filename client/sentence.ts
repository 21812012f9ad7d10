/** Somebody else's message, fit to be followed by a sentence of ours. */
export const asSentence = (message: string): string => {
  const text = message.trim();
  return /[.!?…]$/u.test(text) ? text : `${text}.`;
};

/** Where set-up says what it does: whole sentences, one a line. Called again and again while something takes long. */
export type Progress = (sentence: string) => void;

export const toStderr: Progress = (sentence) => {
  process.stderr.write(`${sentence}\n`);
};

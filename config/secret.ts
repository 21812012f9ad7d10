/** Keys under which people write secrets. None of them is known to the schema. */
const secretKeys = /^(?:pass|passwd|password|passphrase|secret|token|private-?key|identity|key|credentials?)$/iu;
const secretText = /-----BEGIN [A-Z ]*PRIVATE KEY|^(?:AGE-SECRET-KEY-|PuTTY-User-Key-File)/u;

export const looksLikeSecretKey = (key: string): boolean => secretKeys.test(key);
export const looksLikeSecret = (value: unknown): boolean => typeof value === "string" && secretText.test(value);

export const secretRefusal =
  "no secret belongs into this file: the configuration is kept in Temporal and shown to people. Put it into a file at the site's worker and name that with identityFile, or use the worker's SSH agent";

import { createHash } from "node:crypto";

/** Namespaces and bridges are the whole machine's: the lab tests of two clones must not meet. At most six characters, so `name` has up to four. */
export const labId = (name: string): string =>
  `${name}${createHash("sha256")
    .update(import.meta.dirname)
    .digest("hex")}`.slice(0, 6);

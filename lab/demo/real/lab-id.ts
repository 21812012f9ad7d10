import { createHash } from "node:crypto";

/** How the demo on real hosts is called in its record. */
export const realRun = "real";

/** Namespaces and bridges are the whole machine's: demos of two clones must not meet. */
export const demoLabId = `d${createHash("sha256")
  .update(import.meta.dirname)
  .digest("hex")
  .slice(0, 5)}`;

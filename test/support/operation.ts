import type { Operation } from "#platforms/platform.ts";

/** An operation nobody watches. */
export const operation = (id = "op", signal: AbortSignal = new AbortController().signal): Operation => ({
  id,
  signal,
  progress: () => {},
});

import { instant, type Instant } from "#domain/ids.ts";

/** The workflow's own time: the same again when its history is replayed. */
export const now = (): Instant => instant(Date.now());

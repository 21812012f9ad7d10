import { Fault } from "#domain/fault.ts";

/**
 * The ownership epoch: a number that grows with every activation of an item, so that two sides can never both believe to be the primary.
 * The first is 1; 0 means that nobody has owned the item yet.
 */
export const firstEpoch = 1;

export const nextEpoch = (epoch: number): number => epoch + 1;

/** Below zero: `left` is the older one. */
export const compareEpochs = (left: number, right: number): number => left - right;

/** Rejects a caller who carries an older epoch than the newest seen (`STALE_EPOCH`). `what` names the guarded thing: "the replica app1". */
export const refuseStale = (what: string, seen: number, offered: number): void => {
  if (compareEpochs(offered, seen) >= 0) return;
  throw new Fault(
    "STALE_EPOCH",
    `The epoch ${String(offered)} is older than ${String(seen)}, the newest that ${what} has seen: the item has failed over meanwhile, and this side may no longer write to it.`,
    { details: { seen, offered } },
  );
};

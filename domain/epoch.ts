/**
 * The ownership epoch: a number that grows with every activation of an item, so that two sides can never both believe to be the primary.
 * Whoever carries an older one than the newest seen is refused (`STALE_EPOCH`). Before an item is protected it is 0.
 */
export const firstEpoch = 1;

export const nextEpoch = (epoch: number): number => epoch + 1;

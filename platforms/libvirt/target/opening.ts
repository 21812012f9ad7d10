import { Fault } from "#domain/fault.ts";
import type { StoredReplica } from "./stored-replica.ts";

/** One opening of a replica for receiving: it is the replica's as long as nobody has opened it after it. */
export interface Opening {
  readonly host: string;
  readonly epoch: number;
  /** What it wrote into the replica as its `opener`. */
  readonly token: string;
}

/** Rejects with `STALE_EPOCH` or `REPLICA_BUSY` where the replica belongs to a later opening, or has been failed over. */
export const checkOwner = (state: StoredReplica, { host, epoch, token }: Opening): void => {
  if (state.epoch !== epoch)
    throw new Fault(
      "STALE_EPOCH",
      `Replica ${state.replica} on host ${host} has seen epoch ${state.epoch}; this sender's is ${epoch}: the machine was failed over, or another worker has taken over.`,
      { details: { replica: state.replica, epoch: state.epoch, asked: epoch } },
    );
  if (state.opener !== token)
    throw new Fault(
      "REPLICA_BUSY",
      `Replica ${state.replica} on host ${host} was failed over, or opened again by another sender of the same epoch, which replaces this one.`,
    );
};

export const openingEnded = (replica: string): Fault =>
  new Fault("OPERATION_NOT_ALLOWED", `This opening of replica ${replica} has ended: open it again.`);

import { patched } from "@temporalio/workflow";
import { type HostName, replicaId, type ReplicaId } from "#domain/ids.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { newReplicaId } from "#workflows/names.ts";

/** The id of a copy that a job makes on that host. Jobs that began when ids were others go on with the one they gave; what has such an id keeps it. */
export function replicaIdAt({ item, epoch, protectedSince }: ItemState, host: HostName): ReplicaId {
  if (!patched("replica-ids")) return replicaId(`${item}-${host}-${epoch}`);
  return newReplicaId({ item, host, epoch, since: protectedSince });
}

import type { ReplicateRequest } from "#activities/replication/request.ts";
import { ApplicationFailure } from "@temporalio/workflow";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import type { ItemState } from "#workflows/item/state.ts";
import type { TrackedMachine } from "#platforms/platform.ts";

/** An item asked of before its job has found out who is meant: a mistake of ours, said as such. */
const missing = (state: ItemState, what: string): ApplicationFailure =>
  ApplicationFailure.create({
    type: "INTERNAL",
    nonRetryable: true,
    message: `Item ${state.item} has no ${what} yet.`,
  });

/** The machine that replication reads from. */
export function trackedMachine(state: ItemState): TrackedMachine {
  const { machine } = sourceOf(state);
  if (machine === null) throw missing(state, "machine at its source");
  return { item: state.item, machine: machine.id, disks: state.disks, epoch: state.epoch };
}

/** The replica that it is sent to. */
export function targetReplica(state: ItemState) {
  const { replica } = targetOf(state);
  if (replica === null) throw missing(state, "replica at its target");
  return replica;
}

/** One stretch of the item's replication, in its present direction. */
export function replicateRequest(
  state: ItemState,
  stretch: Pick<ReplicateRequest, "mode" | "returnAfterSeconds" | "machineDisks">,
): ReplicateRequest {
  const { site, stream } = targetOf(state);
  return {
    tracked: trackedMachine(state),
    replica: targetReplica(state),
    target: { site, address: stream.address, port: stream.port },
    policy: state.policy,
    ...stretch,
  };
}

import { patched } from "@temporalio/workflow";
import type { TaskName } from "#domain/job-scenarios.ts";
import { faultOf } from "#workflows/failure.ts";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import type { ItemHolder } from "#workflows/item/holder.ts";
import { keptOnFrom } from "#workflows/item/keeping-on.ts";
import type { ItemPatch, ItemState } from "#workflows/item/state.ts";
import { discardFailover, turnOnAgain } from "#workflows/item/undo-failover.ts";
import { oldPrimaryFenced } from "#workflows/item/old-primary.ts";
import type { JobFinished } from "#workflows/messages.ts";
import { atSite } from "#workflows/sites.ts";

/**
 * Puts in order what a job left behind that has died in the middle: a failover that had not come to its commit is taken back at the target, a machine that it had
 * turned off is turned on again, a replica that had just been made is deleted. What cannot be put in order is said, and the state is the one that is true then.
 */
export async function undoDeadJob(
  item: ItemHolder,
): Promise<{ readonly undone: readonly string[]; readonly finished: Pick<JobFinished, "facts" | "patch"> }> {
  const job = item.state.activeJob;
  switch (job?.operation) {
    case "PlannedFailover":
    case "Failback":
    case "UnplannedFailover":
      return await undoFailover(item);
    case "TestFailover":
    case "TestFailoverCleanup":
      return {
        undone: item.state.testMachine === null ? [] : ["Its test machine may be running and waits for its clean-up."],
        finished: { facts: { testMachineLeft: item.state.testMachine !== null }, patch: {} },
      };
    case "EnableProtection":
      return { undone: await undoEnabling(item), finished: { facts: {}, patch: {} } };
    case "CancelFailover":
      return { undone: begunCancelling(item.state), finished: { facts: {}, patch: {} } };
    default:
      return { undone: [], finished: { facts: {}, patch: {} } };
  }
}

/** Its replica is known before it is made, and made in that task. */
async function undoEnabling({ state }: ItemHolder): Promise<readonly string[]> {
  const task: TaskName<"EnableProtection"> = "Enable replication";
  const { site, host, replica } = targetOf(state);
  // Items that began before this was known leave it.
  if (state.activeJob?.task !== task || replica === null || !patched("undoes-enabling")) return [];
  try {
    await atSite(site).deleteReplica({ host, replica });
    return [`Its replica ${replica} on host ${host} at site ${site} has been deleted.`];
  } catch (error) {
    const { message } = faultOf(error);
    return [`Its replica ${replica} on host ${host} at site ${site} may be left there: ${message}`];
  }
}

/** What it does is right in any state that it may have left, and leads on. */
function begunCancelling(state: ItemState): readonly string[] {
  const checks: TaskName<"CancelFailover"> = "Prerequisites check for cancelling the failover";
  const task = state.activeJob?.task ?? checks;
  if (task === checks) return [];
  return [
    `Site ${targetOf(state).site} may have let go of the failover already, and the machine may have been started at site ${sourceOf(state).site}: order the cancelling again, it brings that to its end.`,
  ];
}

async function undoFailover(item: ItemHolder) {
  const undone: string[] = [];
  if (item.state.failover !== null) {
    item.update((state) => ({ ...state, epoch: state.epoch + 1 }));
    try {
      await discardFailover(item.state, item.state.epoch);
      undone.push("Its failover has been taken back at the target.");
    } catch (error) {
      const { message } = faultOf(error);
      undone.push(`Its failover could not be taken back: ${message} The machine may be running at the target.`);
      // Items that were told of such an end before this was built refuse to cancel it.
      const unconfirmed = patched("unconfirmed-failover");
      return {
        undone,
        finished: { facts: { ownershipMoved: true, unconfirmed }, patch: oldPrimaryFenced(item.state) },
      };
    }
  }
  let patch: ItemPatch = { failover: null };
  const turnedOff = item.state.activeJob?.turnedOff ?? null;
  if (turnedOff !== null) {
    // Nobody knows how far it had come with asking the guest.
    if (turnedOff.wasOff !== true) patch = { ...patch, ...keptOnFrom(item.state, turnedOff) };
    try {
      await turnOnAgain(item.state, turnedOff);
      undone.push(
        turnedOff.wasOff === true
          ? "The machine was off before it."
          : "The machine, which it had turned off, has been turned on again.",
      );
    } catch (error) {
      undone.push(`The machine, which it had turned off, could not be turned on again: ${faultOf(error).message}`);
    }
  }
  return { undone, finished: { facts: {}, patch } };
}

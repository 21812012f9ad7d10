import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import { ParentClosePolicy, startChild } from "@temporalio/workflow";
import type { JobInput } from "#domain/job.ts";
import { now } from "#workflows/clock.ts";
import { faultOf } from "#workflows/failure.ts";
import { withHealth } from "#workflows/item/health.ts";
import type { ItemHolder } from "#workflows/item/holder.ts";
import { jobWorkflowId } from "#workflows/names.ts";

/** Jobs that an item starts without being asked: the finalization of its protection, and a resynchronization after tracking was lost. */
export interface SelfStarted {
  reconcile(): void;
}

export function selfStartedOf(item: ItemHolder): SelfStarted {
  const finalization = oneAtATime(item, async () => {
    const end = await runJobOf(item, "FinalizeProtection", item.state);
    item.update((state) => {
      const finalized = { ...state, finalizing: false };
      if (end === undefined) return finalized;
      return withHealth(finalized, faultOf(end), { severity: "Warning", category: "Configuration" });
    });
  });
  const resynchronization = oneAtATime(item, async () => {
    const input: JobInput = { item: item.state.item, requestedBy: "understudy" };
    // It fails when somebody else's order came first, and says so itself; the item looks again after it.
    await runJobOf(item, "RepairReplication", input);
  });
  return {
    reconcile() {
      const { lifecycle, resynchronizeByItself, activeJob, finalizing } = item.state;
      if (finalizing) finalization();
      if (lifecycle.state === "resynchronization-required" && resynchronizeByItself && activeJob === null) {
        resynchronization();
      }
    },
  };
}

/** Starts `work` unless it runs already, and has the item looked at again after it. */
function oneAtATime(item: ItemHolder, work: () => Promise<void>): () => void {
  let running = false;
  const ended = (): void => {
    running = false;
    item.touch();
  };
  return () => {
    if (running) return;
    running = true;
    work().then(ended, ended);
  };
}

/** Runs a job beside the item; answers what it failed with. It outlives the item's present run. */
async function runJobOf(
  item: ItemHolder,
  operation: "FinalizeProtection" | "RepairReplication",
  input: unknown,
): Promise<unknown> {
  try {
    const child = await startChild(operation, {
      workflowId: jobWorkflowId({ item: item.state.item, operation, suffix: now() }),
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
    await child.result();
    return undefined;
  } catch (error) {
    return error instanceof WorkflowExecutionAlreadyStartedError ? undefined : error;
  }
}

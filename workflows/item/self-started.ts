import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import { ParentClosePolicy, startChild } from "@temporalio/workflow";
import type { JobInput } from "#domain/job.ts";
import type { ItemHolder } from "#workflows/item/holder.ts";
import { jobWorkflowId } from "#workflows/names.ts";

/** Jobs that an item starts without being asked: a resynchronization after tracking was lost, and the finalization of its protection. */
export interface SelfStarted {
  reconcile(): void;
}

export function selfStartedOf(item: ItemHolder): SelfStarted {
  let busy = false;

  async function resynchronize(): Promise<void> {
    const input: JobInput = { item: item.state.item, requestedBy: "understudy" };
    const suffix = new Date().toISOString();
    try {
      const child = await startChild("RepairReplication", {
        workflowId: jobWorkflowId({ item: item.state.item, operation: "RepairReplication", suffix }),
        args: [input],
        parentClosePolicy: ParentClosePolicy.ABANDON,
      });
      // It fails when somebody else's order came first, and says so itself; the item looks again after it.
      await child.result().catch(() => undefined);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }

  return {
    reconcile() {
      const { lifecycle, resynchronizeByItself, activeJob } = item.state;
      const due = lifecycle.state === "resynchronization-required" && resynchronizeByItself && activeJob === null;
      if (!due || busy) return;
      busy = true;
      const ended = (): void => {
        busy = false;
        item.touch();
      };
      resynchronize().then(ended, ended);
    },
  };
}

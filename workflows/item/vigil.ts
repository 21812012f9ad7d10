import { CancellationScope, isCancellation } from "@temporalio/workflow";
import type { ItemHolder } from "#workflows/item/holder.ts";
import { mourn } from "#workflows/item/jobs.ts";
import type { ActiveJob } from "#workflows/item/state.ts";
import { undoDeadJob } from "#workflows/item/undo-dead-job.ts";
import { watcher } from "#workflows/sites.ts";

/** Notices that the running job has ended without a word (terminated, timed out) and puts what it left behind in order. */
export interface Vigil {
  reconcile(): void;
  /** Something that a dead job left behind is being put in order. */
  readonly undoing: boolean;
}

export function vigilOf(item: ItemHolder): Vigil {
  let current: { readonly scope: CancellationScope; readonly job: ActiveJob } | undefined;
  let undoing = false;

  async function watch(job: ActiveJob): Promise<void> {
    const end = await watcher.awaitRunEnd({ workflowId: job.id, runId: job.runId });
    if (item.state.activeJob?.id !== job.id || item.state.activeJob.runId !== job.runId) return;
    undoing = true;
    try {
      const { undone, finished } = await CancellationScope.nonCancellable(() => undoDeadJob(item));
      item.update((state) => mourn(state, { end, undone, finished }));
    } finally {
      undoing = false;
    }
  }

  return {
    get undoing() {
      return undoing;
    },
    reconcile() {
      if (undoing) return;
      const job = item.state.activeJob;
      if (current?.job.id === job?.id && current?.job.runId === job?.runId) return;
      current?.scope.cancel();
      current = undefined;
      if (job === null) return;
      const mine = { scope: new CancellationScope(), job };
      current = mine;
      const ended = (): void => {
        if (current === mine) current = undefined;
        item.touch();
      };
      mine.scope
        .run(() => watch(job))
        .then(ended, (error: unknown) => {
          ended();
          if (!isCancellation(error)) throw error;
        });
    },
  };
}

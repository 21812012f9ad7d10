import { CancellationScope } from "@temporalio/workflow";
import type { ItemHolder } from "#workflows/item/holder.ts";
import { mourn } from "#workflows/item/jobs.ts";
import type { ActiveJob } from "#workflows/item/state.ts";
import { undoDeadJob } from "#workflows/item/undo-dead-job.ts";
import { watcher } from "#workflows/sites.ts";

/** Notices that the running job has ended without a word (terminated, timed out) and puts what it left behind in order. */
export interface Vigil {
  reconcile(): void;
  /** A job is watched, or what a dead one left behind is being put in order. */
  readonly running: boolean;
}

export function vigilOf(item: ItemHolder): Vigil {
  let current: { readonly scope: CancellationScope; readonly job: ActiveJob } | undefined;
  let watches = 0;
  let undoing = false;

  async function watch(job: ActiveJob): Promise<void> {
    const end = await watcher.awaitRunEnd({ workflowId: job.id, runId: job.runId });
    if (!isSame(item.state.activeJob, job)) return;
    undoing = true;
    try {
      const { undone, finished } = await CancellationScope.nonCancellable(() => undoDeadJob(item));
      item.update((state) => mourn(state, { end, undone, finished }));
    } finally {
      undoing = false;
    }
  }

  function begin(job: ActiveJob): void {
    const mine = { scope: new CancellationScope(), job };
    current = mine;
    watches += 1;
    const ended = (): void => {
      watches -= 1;
      if (current === mine) current = undefined;
      item.touch();
    };
    // Cancelled, when the job is no longer the item's; otherwise the loop looks again and begins anew.
    mine.scope.run(() => watch(job)).then(ended, ended);
  }

  return {
    get running() {
      return watches > 0;
    },
    reconcile() {
      const job = item.state.activeJob;
      if (undoing || isSame(current?.job ?? null, job)) return;
      current?.scope.cancel();
      current = undefined;
      if (job !== null) begin(job);
    },
  };
}

const isSame = (left: ActiveJob | null, right: ActiveJob | null): boolean =>
  left?.id === right?.id && left?.runId === right?.runId;

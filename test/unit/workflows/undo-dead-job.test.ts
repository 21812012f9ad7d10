import { expect, test } from "vitest";
import { instant } from "#domain/ids.ts";
import { holdItem } from "#workflows/item/holder.ts";
import { undoDeadJob } from "#workflows/item/undo-dead-job.ts";
import { newItem } from "#workflows/job/enlist.ts";
import { app, configuration } from "#test/unit/workflows/examples.ts";

const cancelling = (task: string | null) =>
  holdItem({
    ...newItem(configuration, app),
    activeJob: {
      id: "job-1",
      runId: "run",
      operation: "CancelFailover",
      since: instant(0),
      granted: true,
      task,
      turnedOff: null,
    },
  });

test("a cancelling of a failover that has died is said to have changed nothing only when it had not begun", async () => {
  for (const task of [null, "Prerequisites check for cancelling the failover"])
    expect((await undoDeadJob(cancelling(task))).undone).toEqual([]);
  const { undone } = await undoDeadJob(cancelling("Start the virtual machine"));
  expect(undone).toEqual([
    expect.stringMatching(/Site lyon may have let go .* site paris: order the cancelling again/),
  ]);
});

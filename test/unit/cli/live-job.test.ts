import { expect, test } from "vitest";
import type { CliContext } from "#cli/context.ts";
import { liveJob } from "#cli/live-job.ts";
import { instant, itemName } from "#domain/ids.ts";
import type { JobTask, JobView } from "#domain/job.ts";

const job = (task: Partial<JobTask>): JobView => ({
  id: "job/app1/ReverseReplicate/1",
  item: itemName("app1"),
  operation: "ReverseReplicate",
  scenario: "Reverse replication",
  state: "InProgress",
  tasks: [{ name: "Synchronize changes", state: "InProgress", ...task }],
  startedAt: instant(0),
});

test("Where no line can be redrawn, a pass that begins anew is told with its reason, and each tenth of it", () => {
  const told: string[] = [];
  const terminal = { live: { err: false, out: false }, columns: 80, err: (text: string) => void told.push(text) };
  const display = liveJob({ terminal, now: () => 0 } as unknown as CliContext);
  display.show(job({ bytesDone: 60, bytesTotal: 100 }));
  const again = "pass 2: the cut broke and is taken anew";
  display.show(job({ bytesDone: 10, bytesTotal: 100, detail: again }));
  display.show(job({ bytesDone: 11, bytesTotal: 100, detail: again }));
  display.show(job({ bytesDone: 10, bytesTotal: 100, detail: "pass 3: the cut broke and is taken anew" }));
  display.show(job({ bytesDone: 100, bytesTotal: 100 }));
  // All is there, and the task has not ended yet.
  display.show(job({}));
  display.end();
  expect(told.slice(1)).toEqual([
    "Synchronize changes: started (60 B of 100 B (60%))\n",
    `Synchronize changes: started (10 B of 100 B (10%), ${again})\n`,
    "Synchronize changes: started (10 B of 100 B (10%), pass 3: the cut broke and is taken anew)\n",
    "Synchronize changes: started (100 B of 100 B (100%))\n",
  ]);
});

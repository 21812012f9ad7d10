import { describe, expect, it } from "vitest";
import { jobViewOf, withProgress } from "#client/job-view.ts";
import { diskId, instant } from "#domain/ids.ts";
import type { JobView } from "#domain/job.ts";
import { app, report } from "#test/unit/workflows/examples.ts";

const said: JobView = {
  id: "job/app1/PlannedFailover/1",
  item: app,
  operation: "PlannedFailover",
  scenario: "Planned failover",
  state: "InProgress",
  tasks: [
    { name: "Start failover", state: "Succeeded" },
    { name: "Start the replica virtual machine", state: "InProgress" },
  ],
  startedAt: instant(0),
};
const run = (name: "RUNNING" | "TERMINATED" | "COMPLETED" | "CANCELLED", memo: object = { job: said }) => ({
  status: { code: 0, name },
  memo: { ...memo },
  closeTime: new Date(5_000),
});

describe("a job's view", () => {
  it("is what the job has said of itself", () => {
    expect(jobViewOf(run("RUNNING"))).toBe(said);
  });

  it("is none of a workflow that is no job", () => {
    expect(jobViewOf(run("RUNNING", {}))).toBeUndefined();
  });

  it("says of a job that died that it died, in the task where it did", () => {
    expect(jobViewOf(run("TERMINATED"))).toMatchObject({
      state: "Failed",
      endedAt: "1970-01-01T00:00:05.000Z",
      fault: { code: "INTERNAL", message: expect.stringContaining("terminated") },
      tasks: [{ state: "Succeeded" }, { state: "Failed" }],
    });
    expect(jobViewOf(run("CANCELLED"))).toMatchObject({ state: "Cancelled" });
  });

  it("leaves a job that has told its own end as it told it", () => {
    const ended: JobView = { ...said, state: "Failed", endedAt: instant(4_000) };
    expect(jobViewOf(run("TERMINATED", { job: ended }))).toBe(ended);
  });

  it("shows the bytes of all disks on the running task only", () => {
    const disk = (id: string, bytesDone: number) => ({
      disk: diskId(id),
      state: "InProgress" as const,
      bytesDone,
      bytesTotal: 100,
    });
    const moving = withProgress(said, {
      ...report("2026-11-21T12:00:00.000Z"),
      disks: [disk("vda", 100), disk("vdb", 20)],
    });
    expect(moving.tasks).toEqual([
      { name: "Start failover", state: "Succeeded" },
      { name: "Start the replica virtual machine", state: "InProgress", bytesDone: 120, bytesTotal: 200 },
    ]);
    expect(withProgress(said, undefined)).toBe(said);
  });

  it("says of a pass that is begun anew which it is and why", () => {
    const pass = { number: 2, why: "the cut broke and is taken anew" };
    const disks = [{ disk: diskId("vda"), state: "InProgress" as const, bytesDone: 5, bytesTotal: 100 }];
    const again = withProgress(said, { ...report("2026-11-21T12:00:00.000Z"), pass, disks });
    expect(again.tasks.map(({ detail }) => detail)).toEqual([undefined, "pass 2: the cut broke and is taken anew"]);
  });
});

import { type Client, type WorkflowHandle, WorkflowNotFoundError } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import { failure } from "./orchestrator-double.ts";
import { cancelJob } from "#client/jobs.ts";
import { leaveJob } from "#client/leave-job.ts";
import { takeBack } from "#client/take-back.ts";

const id = "job/app1/Commit/1";

/** A job as Temporal knows it. `begins`: a worker takes it up just before it is terminated; `ends`: it comes to its end just before. */
const jobDouble = (options: { readonly said?: boolean; readonly begins?: true; readonly ends?: true } = {}) => {
  let name = "RUNNING";
  let said = options.said ?? false;
  const done: string[] = [];
  const handle = {
    workflowId: id,
    describe: async () => ({ type: "Commit", status: { name }, memo: said ? { job: { tasks: [] } } : {} }),
    terminate: async () => {
      if (options.begins === true) said = true;
      if (options.ends === true) {
        name = "COMPLETED";
        throw new WorkflowNotFoundError("ended", id, undefined);
      }
      name = "TERMINATED";
      done.push("terminated");
    },
    cancel: async () => void done.push("cancelled"),
  } as unknown as WorkflowHandle;
  const client = { workflow: { getHandle: () => handle } } as unknown as Client;
  return { handle, client, done };
};

describe("a job that is taken back", () => {
  test("has done nothing when no worker had it", async () => {
    const { handle, done } = jobDouble();
    expect(await takeBack(handle, "why")).toBe("taken-back");
    expect(done).toEqual(["terminated"]);
    expect(await takeBack(handle, "why")).toBe("ended");
  });

  test("is not touched when it has begun", async () => {
    const { handle, done } = jobDouble({ said: true });
    expect(await takeBack(handle, "why")).toBe("begun");
    expect(done).toEqual([]);
  });

  test("may have begun in that very moment, and is then not said to have done nothing", async () => {
    expect(await takeBack(jobDouble({ begins: true }).handle, "why")).toBe("terminated");
    expect(await leaveJob(jobDouble({ begins: true }).handle)).toBe(
      `The job ${id} had just begun; it was terminated, and the item puts in order what it did.`,
    );
  });

  test("may have ended in that very moment, and is then not said to go on", async () => {
    expect(await leaveJob(jobDouble({ ends: true }).handle)).toBe(
      `The job ${id} has ended already; see \`understudy jobs ${id}\`.`,
    );
  });
});

describe("cancelling a job", () => {
  test("takes back what no worker has, and asks what has begun to end", async () => {
    const unbegun = jobDouble();
    expect(await cancelJob(unbegun.client, id)).toBe("taken-back");
    const begun = jobDouble({ said: true });
    expect(await cancelJob(begun.client, id)).toBe("asked");
    expect([...unbegun.done, ...begun.done]).toEqual(["terminated", "cancelled"]);
  });

  test("is refused for what has ended, also in that very moment", async () => {
    const { client, done } = jobDouble({ ends: true });
    expect(await failure(cancelJob(client, id))).toMatchObject({ code: "OPERATION_NOT_ALLOWED" });
    expect(done).toEqual([]);
  });
});

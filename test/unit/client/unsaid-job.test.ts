import { ApplicationFailure, type Client, WorkflowFailedError } from "@temporalio/client";
import { expect, test } from "vitest";
import { failure } from "./orchestrator-double.ts";
import { readJob } from "#client/jobs.ts";

const id = "job/app1/Commit/1";

/** A job that has said nothing of itself, as Temporal knows it: how its run stands, what its history ends with, what it failed of. */
const unsaid = (options: {
  readonly status: string;
  readonly termination?: { readonly reason?: string; readonly identity?: string };
  readonly refusal?: Error;
}): Client => {
  const handle = {
    workflowId: id,
    describe: async () => ({
      type: "Commit",
      status: { name: options.status },
      memo: {},
      ...(options.status === "RUNNING" ? {} : { closeTime: new Date("2026-11-21T12:00:00Z") }),
    }),
    fetchHistory: async () => ({
      events: [
        { workflowExecutionStartedEventAttributes: {} },
        { workflowExecutionTerminatedEventAttributes: options.termination },
      ],
    }),
    result: async () => {
      throw new WorkflowFailedError("failed", options.refusal, "NON_RETRYABLE_FAILURE");
    },
  };
  return { workflow: { getHandle: () => handle } } as unknown as Client;
};

const said = async (client: Client): Promise<unknown> => await failure(readJob(client, id));

test("of a job that was taken back is said when, by whom and why", async () => {
  const reason = "It was cancelled before a worker had taken it up.";
  expect(
    await said(unsaid({ status: "TERMINATED", termination: { reason, identity: "understudy ann" } })),
  ).toMatchObject({
    code: "JOB_NOT_FOUND",
    message: `The job “${id}” was taken back before it began, and nothing was done (2026-11-21T12:00:00.000Z). By understudy ann: ${reason}`,
  });
});

test("that nobody said why a job was ended is said, too", async () => {
  expect(await said(unsaid({ status: "TERMINATED", termination: {} }))).toMatchObject({
    message: expect.stringMatching(/nothing was done .*\. By somebody who left no name; no reason was given\.$/),
  });
});

test("of a job that was refused is said why", async () => {
  const refusal = ApplicationFailure.create({ type: "OPERATION_NOT_ALLOWED", message: "Commit is not allowed now." });
  expect(await said(unsaid({ status: "FAILED", refusal }))).toMatchObject({
    code: "JOB_NOT_FOUND",
    message: `The job “${id}” ended before it began, and nothing was done (2026-11-21T12:00:00.000Z). Commit is not allowed now.`,
  });
});

test("a job that waits for a worker is not said to be gone", async () => {
  expect(await said(unsaid({ status: "RUNNING" }))).toMatchObject({
    code: "JOB_NOT_FOUND",
    message: `The job “${id}” is ordered, and no worker has taken it up yet. Take it back: understudy job cancel ${id}.`,
  });
});

import type { Client } from "@temporalio/client";
import { expect, test } from "vitest";
import { failure, queuesDouble } from "./orchestrator-double.ts";
import { startJob } from "#client/start-job.ts";
import { itemName } from "#domain/ids.ts";

const jobId = "job/app1/Commit/1";

/** What becomes of an order that Temporal refuses with gRPC's `code`. */
const orderedAt = async (code: number): Promise<unknown> => {
  const { context } = queuesDouble({});
  const refused = Object.assign(new Error("no"), { code, details: "no", metadata: {} });
  const client = Object.assign(Object.create(context.client) as Client, {
    workflow: { getHandle: () => ({}), start: () => Promise.reject(refused) },
  });
  return await failure(
    startJob({ ...context, client }, { operation: "Commit", input: { item: itemName("app1") }, jobId }),
  );
};

test.each([4, 14])(
  "an order that Temporal has not answered (gRPC %i) may have been taken: the job is named",
  async (code) => {
    expect(await orderedAt(code)).toMatchObject({
      code: "TEMPORAL_UNREACHABLE",
      message: `Temporal does not answer (no). Is it running, and are TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE right? Whether the order has reached it is not known. When it is back: see \`understudy jobs ${jobId}\`, cancel the job with \`understudy job cancel ${jobId}\`.`,
    });
  },
);

test("an order of a client that Temporal refuses was not taken, and no job is named", async () => {
  expect(await orderedAt(7)).toMatchObject({
    code: "TEMPORAL_UNREACHABLE",
    message: expect.not.stringContaining(jobId) as string,
  });
});

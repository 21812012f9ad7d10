import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { itemName } from "#domain/ids.ts";
import { protectedItem } from "#test/support/protected-item.ts";
import { type SkippingWorld, startSkippingWorld } from "#test/support/skipping-world.ts";
import { awaitGrant } from "#workflows/messages.ts";
import { itemWorkflowId, orchestratorQueue } from "#workflows/names.ts";

describe("a job whose item does not answer, in virtual time", () => {
  let world: SkippingWorld;
  beforeAll(async () => {
    world = await startSkippingWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("gives up after ten minutes, saying why, and not before; also when the item is gone by then", async () => {
    const item = await world.client.workflow.start("ProtectedItem", {
      taskQueue: "nobody",
      workflowId: itemWorkflowId(itemName("app1")),
      args: [protectedItem("app1")],
    });
    const order = (workflowId: string) =>
      world.client.workflow.start("PauseReplication", {
        taskQueue: orchestratorQueue,
        workflowId,
        args: [{ item: "app1" }],
      });
    const job = await order("first");
    // The item's step lies in a queue that nobody asks.
    await world.pass(590, 1);
    expect((await job.describe()).status.name).toBe("RUNNING");
    await world.pass(15, 1);
    const notGranted = {
      cause: { type: "WORKER_UNAVAILABLE", message: expect.stringContaining("did not let this job begin within 10") },
    };
    await expect(job.result()).rejects.toMatchObject(notGranted);

    const second = await order("second");
    const waiting = second.executeUpdate(awaitGrant).catch((error: unknown) => error);
    await world.pass(300, 1);
    await item.terminate();
    await world.pass(305, 1);
    await expect(second.result()).rejects.toMatchObject(notGranted);
    expect(await waiting).toMatchObject(notGranted);
  });
});

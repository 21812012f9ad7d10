import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostName, machineId } from "#domain/ids.ts";
import { Fault } from "#domain/fault.ts";
import { type SkippingWorld, soon, startSkippingWorld } from "#test/support/skipping-world.ts";
import { protectedItem } from "#test/support/protected-item.ts";
import { lyon, paris } from "#test/support/temporal-world.ts";
import type { ItemState } from "#workflows/item/state.ts";

describe("an old primary whose site is gone for good, in virtual time", () => {
  let world: SkippingWorld;
  let answers: () => Fault;
  const tries: number[] = [];
  beforeAll(async () => {
    world = await startSkippingWorld();
    await world.startSite(lyon);
    await world.startSite(paris, {
      async fenceMachine() {
        tries.push(await world.nowMs());
        throw answers();
      },
    });
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const unreachable = (): Fault => new Fault("HOST_UNREACHABLE", "The host paris-1 does not answer.");
  const refuses = (): Fault => new Fault("AUTHENTICATION_FAILED", "The host paris-1 refuses the key.");

  /** Its protection has been disabled; its old primary could not be fenced. */
  async function unprotected(name: string): Promise<Awaited<ReturnType<SkippingWorld["startItem"]>>> {
    const { lifecycle } = protectedItem(name);
    const fence = (host: string) => ({ site: paris, host: hostName(host), machine: machineId(`id-${name}`), epoch: 2 });
    const over: Partial<ItemState> = {
      lifecycle: { ...lifecycle, state: "unprotected", hasRecoveryPoint: false },
      fence: fence("paris-1"),
      earlierFences: [fence("paris-2")],
    };
    return await world.startItem(name, over);
  }

  it("is given up by disabling with force once nobody has answered for a minute, and the item is over", async () => {
    answers = unreachable;
    const item = await unprotected("app1");
    await soon(async () => (await item.steps()).length === 2);
    const plain = await item.order("DisableProtection");
    await expect(plain.result()).rejects.toMatchObject({ cause: { type: "OPERATION_NOT_ALLOWED" } });
    tries.length = 0;
    const job = await item.order("DisableProtection", { force: true });
    await soon(async () => tries.length > 0);
    const begun = await world.nowMs();
    await world.passUntil(async () => (await job.describe()).status.name !== "RUNNING");
    const information = ["paris-1", "paris-2"].map((host) =>
      expect.stringMatching(new RegExp(`never been fenced and is given up: .* Should host ${host} come back`)),
    );
    expect(await job.result()).toMatchObject({ information: expect.arrayContaining(information) });
    expect((await world.nowMs()) - begun).toBeGreaterThan(55_000);
    await soon(async () => (await item.handle.describe()).status.name === "COMPLETED");
  });

  it("is not given up while its host answers, whatever that is", async () => {
    answers = refuses;
    const item = await unprotected("app2");
    const job = await item.order("DisableProtection", { force: true });
    await world.passUntil(async () => (await job.describe()).status.name !== "RUNNING");
    expect(await job.result()).toMatchObject({
      information: [
        expect.stringContaining("goes on being tried: The host paris-1 refuses the key."),
        expect.stringContaining("goes on being tried"),
      ],
    });
    const state = await item.state();
    expect(state).toMatchObject({ lifecycle: { state: "unprotected" }, fence: { host: "paris-1" } });
    expect(state.earlierFences).toMatchObject([{ host: "paris-2" }]);
    await item.handle.terminate("its story is told");
  });
});

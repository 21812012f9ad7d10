import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { expect, test } from "vitest";
import { createInventoryActivities } from "#activities/inventory.ts";
import { createTargetActivities } from "#activities/target.ts";
import { hostName } from "#domain/ids.ts";
import { protectedItem, replica } from "#test/support/replication.ts";
import { vm } from "#test/support/simulated-machine.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

const host = hostName("kvm1");
const inActivity = <Result>(work: () => Promise<Result>): Promise<Result> =>
  new MockActivityEnvironment({}, { logger: new DefaultLogger("ERROR") }).run(work);

test("A machine's definition, which may hold secrets, comes into no history by its being looked at, nor by its points' being listed", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  await item.replicate("seed");
  const inventory = createInventoryActivities(async () => item.east.platform);
  const target = createTargetActivities(async () => item.west.platform);

  const seen = await inActivity(() => inventory.findMachine({ host, nameOrId: vm }));
  expect(seen).toMatchObject({ id: vm, name: item.machine.name, running: true, definition: "" });
  const points = await inActivity(() => target.listPoints({ host, replica }));
  const { definition, ...newest } = await item.newest();
  expect(definition).not.toBe("");
  expect(points).toEqual([newest]);
});

test("A machine's definition is told where it is asked for, which the checks of another site do", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  const inventory = createInventoryActivities(async () => item.east.platform);
  const asked = { host, nameOrId: vm, withDefinition: true };
  expect((await inActivity(() => inventory.findMachine(asked))).definition).toBe(item.machine.definition);
});

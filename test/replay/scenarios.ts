import { Fault } from "#domain/fault.ts";
import { type ItemStory, twoSiteConfiguration, type World } from "#test/support/temporal-world.ts";

/** What is recorded: between them every workflow type, with its happy way and the ways in which jobs end early. Answers the ids by the name of the file to write. */
export async function playScenarios(world: World): Promise<ReadonlyMap<string, string>> {
  const recorded = new Map<string, string>();
  const [first, second] = [world.of("app1"), world.of("app2")];
  const keep = async (name: string, running: Promise<string>, item = first): Promise<void> => {
    const id = await running;
    await item.ended(id);
    recorded.set(name, id);
  };

  await keep("enable-protection", first.start("EnableProtection"));
  await first.item(({ state }) => state === "protected");
  for (const operation of ["TestFailover", "TestFailoverCleanup", "PauseReplication", "ResumeReplication"] as const) {
    await keep(fileName(operation), first.start(operation));
  }
  for (const operation of [
    "UpdatePolicy",
    "RepairReplication",
    "PlannedFailover",
    "Commit",
    "ReverseReplicate",
  ] as const) {
    await keep(fileName(operation), first.start(operation));
  }
  await keep("failback", first.start("Failback"));
  await keep("cancel-failover", first.start("CancelFailover"));
  await keep("disable-protection", first.start("DisableProtection"));
  recorded.set("protected-item", `item/${first.name}`);
  recorded.set("configuration-keeper", "configuration");

  await second.protect();
  await world.understudy.points(second.name);
  await world.understudy.verify(second.name);
  await keep("unplanned-failover", second.start("UnplannedFailover", { shutDownSource: true }), second);
  await keep("change-pit", second.start("ChangePit", { point: { kind: "latest-processed" } }), second);
  await keep("commit-after-unplanned", second.start("Commit"), second);
  await keep("reverse-replicate-by-comparing", second.start("ReverseReplicate"), second);

  const third = world.of("app3");
  await third.protect();
  world.sites.trouble({ at: "failOver", machine: "app3", hold: Promise.withResolvers<void>().promise });
  const cancelled = await third.start("PlannedFailover");
  await third.item(() =>
    world.sites.calls.some(({ activity, machine }) => activity === "failOver" && machine === "app3"),
  );
  await world.understudy.cancel(cancelled);
  await keep("planned-failover-cancelled", Promise.resolve(cancelled), third);
  await third.start("Commit").catch(() => undefined);
  for (const { id, operation, scenario } of await world.understudy.jobs({ limit: 100 })) {
    if (operation === "Commit" && id.includes("app3")) recorded.set("commit-refused", id);
    if (scenario === "Finalize protection") recorded.set("finalize-protection", id);
  }
  await playHeldStart(world, keep);
  recorded.set("protected-item-held", "item/app4");
  await playGivenUp(world, keep);
  for await (const { workflowId, type } of world.environment.client.workflow.list()) {
    if (type === "ReadPoints") recorded.set("read-points", workflowId);
    if (type === "VerifyPoint") recorded.set("verify-point", workflowId);
  }
  return recorded;
}

/** An item whose machine's start with its host is held: where it is at home, where a failover has led it, and given back at the end. */
async function playHeldStart(
  world: World,
  keep: (name: string, running: Promise<string>, item: ItemStory) => Promise<void>,
): Promise<void> {
  const item = world.of("app4");
  const configuration = twoSiteConfiguration();
  const configured = configuration.items[item.name];
  if (configured === undefined) throw new Error("The world has the items app1 to app9.");
  const items = { ...configuration.items, [item.name]: { ...configured, autostart: "understudy" as const } };
  await world.understudy.apply({ ...configuration, items });
  world.sites.startsOf("paris").byHost.add("id-app4");
  const heldAt = (site: string) => item.item(() => world.sites.startsOf(site).isHeld("id-app4"));
  await keep("enable-protection-held", item.start("EnableProtection"), item);
  await heldAt("paris");
  world.sites.restartHost("paris");
  await item.item(() => world.sites.running("app4").join() === "paris/app4");
  for (const operation of ["UnplannedFailover", "Commit", "ReverseReplicate"] as const) await item.run(operation);
  await heldAt("lyon");
  await keep("disable-protection-held", item.start("DisableProtection"), item);
  await item.item(({ epoch }) => epoch === 0);
}

/** A protection that is ended with force while its failover waits for its commit at a site that is gone for good; and one that is not, because the order is cancelled. */
async function playGivenUp(
  world: World,
  keep: (name: string, running: Promise<string>, item: ItemStory) => Promise<void>,
): Promise<void> {
  const gone = new Fault("HOST_KEY_MISMATCH", "Host lyon-1 has another key than the configured one.");
  const given = async (item: ItemStory): Promise<void> => {
    await item.protect();
    await item.run("UnplannedFailover");
    for (const at of ["listPoints", "deleteReplica"] as const)
      world.sites.trouble({ at, machine: item.name, fault: gone });
  };
  const [abandoned, kept] = [world.of("app5"), world.of("app6")];
  await given(abandoned);
  await keep("disable-protection-abandoned", abandoned.start("DisableProtection", { force: true }), abandoned);
  await given(kept);
  world.sites.trouble({ at: "stopTracking", machine: kept.name, hold: Promise.withResolvers<void>().promise });
  const cancelled = await kept.start("DisableProtection", { force: true });
  await kept.item(() =>
    world.sites.calls.some(({ activity, machine }) => activity === "stopTracking" && machine === kept.name),
  );
  await world.understudy.cancel(cancelled);
  await keep("disable-protection-cancelled", Promise.resolve(cancelled), kept);
}

const fileName = (operation: string): string =>
  operation.replace(/[A-Z]/g, (letter, at) => `${at === 0 ? "" : "-"}${letter.toLowerCase()}`);

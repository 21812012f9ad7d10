import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writesOn } from "./serving.ts";
import { lyon, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ id: labId("sha"), item: { autostart: "understudy" } });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const autostart = async () =>
  /Autostart:\s+(\w+)/.exec((await world.host(paris).run("virsh -q dominfo app1")).stdout)?.[1];
const marks = async (folder: string) =>
  (await world.host(paris).run('cat "$1/$2"/*.json 2>/dev/null || true', [world.host(paris).store, folder])).stdout;

/** It is off all that time. */
const staysOff = async (seconds: number): Promise<void> => {
  const until = Date.now() + seconds * 1_000;
  while (Date.now() < until) {
    expect(await world.guest(paris).state()).toBe("shut off");
    await sleep(500);
  }
};

describe("a machine that starts with its host, and is started by Understudy while it is protected", () => {
  it("is left off by a host that restarts, and started once the site's worker is back", async () => {
    await world.host(paris).run("virsh -q autostart app1");
    // Nothing is to be warned of.
    expect((await world.run("EnableProtection")).state).toBe("Succeeded");
    await world.fresh();
    await expect.poll(autostart, { timeout: 10_000 }).toBe("disable");
    expect(JSON.parse(await marks("held"))).toMatchObject({ version: 1, item: "app1" });

    const mark = await world.guest(paris).consoleMark();
    await world.lab.site("paris").crash();
    await world.host(paris).start();
    await staysOff(2);
    await world.workers.paris.start();
    await world.guest(paris).waitReady(mark);
    await writesOn(world.guest(paris));
    expect(await autostart()).toBe("disable");
    await world.fresh();
  });

  it("is not started beside the one that took its place, however long its host runs without a worker", async () => {
    await world.lab.site("paris").crash();
    await world.run("UnplannedFailover", { point: { kind: "latest" } });
    await world.guest(lyon).waitReady(0);
    await world.host(paris).start();
    await staysOff(20);
    expect((await world.item()).health.map(({ code }) => code)).toContain("PRIMARY_NOT_FENCED");
    await writesOn(world.guest(lyon));

    await world.workers.paris.start();
    await world.until("it is fenced", ({ health }) => health.every(({ code }) => code !== "PRIMARY_NOT_FENCED"));
    expect(JSON.parse(await marks("fenced"))).toMatchObject({ autostart: true, foundRunning: false });
    expect(await marks("held")).toBe("");
    await staysOff(2);
    expect((await world.host(lyon).run("virsh -q dominfo app1")).stdout).toMatch(/Autostart:\s+enable/);
    await writesOn(world.guest(lyon));
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ListedPoint } from "#domain/cut.ts";
import type { Consistency } from "#domain/cut.ts";
import { judgePoint } from "./replica-images.ts";
import { writesOn } from "./serving.ts";
import { lyon, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ id: labId("sac"), policy: { appConsistentEverySeconds: 5 } });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** The newest kept point of that kind, once there is one taken after now. */
const nextPoint = async (consistency: Consistency): Promise<ListedPoint> => {
  const since = new Date().toISOString();
  for (;;) {
    const { item } = await world.fresh();
    const points = await world.client.points(item);
    const found = points.findLast((point) => point.consistency === consistency && point.kept && point.takenAt > since);
    if (found !== undefined) return found;
  }
};

const warned = () =>
  world.until("a warning that the guest could not be frozen", ({ health }) =>
    health.some(({ code, severity }) => code === "GUEST_FREEZE_FAILED" && severity === "Warning"),
  );

/** Another stretch of replication, which asks the guest again at once. */
const begunAnew = async (): Promise<void> => {
  await world.run("PauseReplication");
  await world.run("ResumeReplication");
};

describe("application-consistent points", () => {
  it("end where the guest's hook had brought the application to rest, and boot clean", async () => {
    await world.run("EnableProtection");
    const point = await nextPoint("app-consistent");
    const verdict = await judgePoint(world.host(lyon), point.id);
    expect(verdict).toMatchObject({ ok: true, clean: true, problems: [] });
    expect(verdict.quiesced).toBe(verdict.head);
    expect(verdict.head).toBeGreaterThan(0);
    await writesOn(world.guest(paris));

    // A crash-consistent one beside it is as good, but its file systems were in use: the mark is not there by chance.
    const crash = await judgePoint(world.host(lyon), (await nextPoint("crash-consistent")).id);
    expect(crash).toMatchObject({ ok: true, clean: false });
    expect(crash.quiesced).not.toBe(crash.head);

    const test = await world.run("TestFailover", { point: { kind: "latest-app-consistent" } });
    expect(test.result?.machineName).toBe("app1-Test");
    await world.guest(lyon).waitReady(0);
    expect(await world.guest(lyon).console()).toMatch(/MOUNTED \{"ok":true/);
    await world.run("TestFailoverCleanup");
  });

  it("are done without when the hook fails or the agent is dead: that is said, crash-consistent points go on, and the guest writes on", async () => {
    const guest = world.guest(paris);
    await guest.set({ freeze: "fail" });
    await warned();
    await writesOn(guest);
    await nextPoint("crash-consistent");
    await guest.set({ freeze: "ok" });
    await begunAnew();
    await nextPoint("app-consistent");
    await writesOn(guest);

    await world.run("PauseReplication");
    expect((await world.item()).health).toEqual([]);
    const dying = { execute: "guest-exec", arguments: { path: "/bin/busybox", arg: ["killall", "-9", "qemu-ga"] } };
    await world.host(paris).run('virsh -q qemu-agent-command app1 "$1" || true', [JSON.stringify(dying)]);
    await world.run("ResumeReplication");
    await warned();
    await writesOn(guest);
    expect(await nextPoint("crash-consistent")).toMatchObject({ kept: true });
    await writesOn(guest);
  });
});

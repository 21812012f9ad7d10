import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { itemName, replicaId } from "#domain/ids.ts";
import { cutLine, restoreLine } from "#lab/faults/line.ts";
import { connectReplica } from "#transfer/stream/connect.ts";
import { replicaFolders } from "./replica-images.ts";
import { writesOn } from "./serving.ts";
import { lyon, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ id: labId("sfn") });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** As soon as it is off; rejects when that takes longer than `withinSeconds`. */
const untilOff = async (withinSeconds: number): Promise<void> => {
  await expect
    .poll(() => world.guest(paris).state(), { timeout: withinSeconds * 1_000, interval: 100 })
    .toBe("shut off");
};

describe("an old primary", () => {
  it("whose host comes back after an unplanned failover is turned off though its host starts it by itself, and may send nothing", async () => {
    await world.run("EnableProtection");
    await world.fresh();
    const { epoch } = await world.item();
    await world.host(paris).run("virsh -q autostart app1");

    await world.lab.site("paris").crash();
    await world.run("UnplannedFailover", { point: { kind: "latest" } });
    await world.guest(lyon).waitReady(0);
    await writesOn(world.guest(lyon));

    await world.host(paris).start();
    await world.workers.paris.start();
    await untilOff(60);
    const { stdout } = await world.host(paris).run("virsh -q dominfo app1");
    expect(stdout).toMatch(/Autostart:\s+disable/);
    expect(await world.guest(lyon).state()).toBe("running");
    await writesOn(world.guest(lyon));

    // Whoever still believes in the old epoch is refused where the machine runs now.
    const [folder = ""] = await replicaFolders(world.host(lyon));
    const replica = replicaId(path.basename(folder));
    const sender = {
      address: world.lab.site("lyon").address,
      port: 9443,
      site: "lyon",
      tls: await world.tls(paris),
      replica,
      epoch,
    };
    await expect(connectReplica(sender, AbortSignal.timeout(20_000))).rejects.toMatchObject({ code: "STALE_EPOCH" });
    // The stream as such is open to it: it is its epoch that is not.
    await expect(connectReplica({ ...sender, epoch: epoch + 100 }, AbortSignal.timeout(20_000))).rejects.toMatchObject({
      code: "OPERATION_NOT_ALLOWED",
    });

    // Its host is started once more: now it does not even begin to run.
    await world.host(paris).crash();
    await world.host(paris).start();
    await sleep(3_000);
    expect(await world.guest(paris).state()).toBe("shut off");

    // Somebody turns it on by hand: it is off again before its guest has booted, and that is said.
    const mark = await world.guest(paris).consoleMark();
    // It may be off before virsh has reported that it is on, which is then an error.
    await world.host(paris).run("virsh -q start app1 || true");
    await untilOff(30);
    expect((await world.guest(paris).console()).slice(mark)).not.toContain("READY");
    await world.until("the item's health says so", ({ health }) =>
      health.some(({ code, message }) => code === "STALE_EPOCH" && message.includes("started again")),
    );
    await writesOn(world.guest(lyon));
    await world.run("Commit");
    expect(await world.item()).toMatchObject({ state: "failed-over", activeSite: lyon, item: itemName("app1") });
  });

  it("of a planned failover is looked after, too", async () => {
    await world.run("ReverseReplicate");
    await world.fresh();
    await world.run("Failback");
    await world.host(lyon).run("virsh -q start app1 || true");
    await world.until("the item's health says so", ({ health }) =>
      health.some(
        ({ code, message }) => code === "STALE_EPOCH" && message.includes("at site lyon had been started again"),
      ),
    );
    expect(await world.guest(lyon).state()).toBe("shut off");
    await writesOn(world.guest(paris));
  });

  it("that ran on because only its site's line was cut is turned off when the line is back", async () => {
    await world.run("Commit");
    await world.run("ReverseReplicate");
    await world.fresh();
    const mark = await world.guest(lyon).consoleMark();
    await cutLine(world.lab.site("paris"));
    await world.run("UnplannedFailover", { point: { kind: "latest" } });
    await world.guest(lyon).waitReady(mark);
    expect(await world.guest(paris).state()).toBe("running");

    await restoreLine(world.lab.site("paris"));
    await untilOff(90);
    await world.until("the item's health says so", ({ health }) =>
      health.some(({ code, message }) => code === "STALE_EPOCH" && message.includes("was running")),
    );
    await writesOn(world.guest(lyon));
    expect(await world.guest(paris).state()).toBe("shut off");
  });

  it("that is gone is not needed: everything is copied there, and the machine comes home", async () => {
    await world.run("Commit");
    await world.host(paris).run("virsh -q undefine app1 --nvram");
    const { result, tasks } = await world.run("ReverseReplicate");
    expect(result?.information?.join()).toContain("not on host paris1 at site paris any more");
    expect(tasks.at(-1)?.detail).toMatch(/^all copied, /);
    await world.fresh();
    await world.run("Failback");
    await writesOn(world.guest(paris));
    expect(await world.guest(lyon).state()).toBe("shut off");
  });
});

import { readFile, rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CutDescription } from "#domain/cut.ts";
import { cutId, diskId, failoverId, instant, itemName, machineId, replicaId, type CutId } from "#domain/ids.ts";
import { createMachine } from "#lab/guest/machine.ts";
import { guestOn } from "#lab/guest/guest.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import { startLab, type Lab } from "#lab/hosts/lab.ts";
import { readMachine } from "#platforms/libvirt/inventory/read-machine.ts";
import { imageMark, parseRecordName } from "#platforms/libvirt/source/tracking-record.ts";
import type { FailoverRequest, RecoveryTarget, ReplicaSpec } from "#platforms/platform.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { blockBytes } from "#transfer/block.ts";
import type { Replica } from "#transfer/replica.ts";
import { operation } from "#test/support/operation.ts";
import { connectTo } from "./connect-to-lab-host.ts";
import { mebibyte, recordCut, targetOn } from "./libvirt-target-fixture.ts";
import { labId } from "./lab-id.ts";

const never = new AbortController().signal;
const vda = diskId("vda");
const replica = replicaId("app1@lyon");
const roundReplica = replicaId("app1@lyon-3");
const homeReplica = replicaId("app1@paris");
let lab: Lab;
let paris: { readonly host: LabHost; readonly connection: HostConnection; readonly target: RecoveryTarget };
let lyon: typeof paris;

beforeAll(async () => {
  lab = await startLab({ id: labId("tgf"), hosts: ["paris1", "lyon1"] });
  const at = (name: string) => {
    const host = lab.host(name);
    const connection = connectTo(host);
    return { host, connection, target: targetOn(connection, host) };
  };
  paris = at("paris1");
  lyon = at("lyon1");
});
afterAll(async () => {
  await paris?.connection[Symbol.asyncDispose]();
  await lyon?.connection[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** The bytes of an image as a machine would see them, while nobody writes to it. */
const contentOf = async (host: LabHost, image: string): Promise<Buffer> => {
  const raw = `${host.images}/content.raw`;
  await host.run('qemu-img convert -U -O raw "$1" "$2"', [image, raw]);
  try {
    return await readFile(host.path(raw));
  } finally {
    await rm(host.path(raw), { force: true });
  }
};

/** Sends what differs between two contents; everything when there was none. */
const send = async (
  receiving: Replica,
  cut: CutDescription,
  change: { readonly before?: Buffer; readonly after: Buffer; readonly base?: CutId; readonly keep?: boolean },
): Promise<number> => {
  const { before, after, base, keep = true } = change;
  await receiving.begin(
    { cut, mode: base === undefined ? "full" : "delta", ...(base !== undefined && { base }) },
    never,
  );
  let sent = 0;
  {
    await using sink = await receiving.sink(vda, never);
    const zeroes = Buffer.alloc(blockBytes);
    for (let offset = 0; offset < after.length; offset += blockBytes) {
      const block = after.subarray(offset, offset + blockBytes);
      if (before === undefined ? block.equals(zeroes) : block.equals(before.subarray(offset, offset + blockBytes)))
        continue;
      await sink.write(offset, block, never);
      sent += block.length;
    }
  }
  await receiving.seal({ cut, keep, retentionSeconds: 86_400 }, never);
  return sent;
};

const cutOf = (id: string, definition: string, sizeBytes: number, epoch: number): CutDescription => ({
  id: cutId(id),
  item: itemName("app1"),
  epoch,
  takenAt: instant(Date.now()),
  consistency: "crash-consistent",
  disks: [{ id: vda, sizeBytes }],
  definition,
});

describe("a machine on two libvirt hosts", () => {
  it("is tested, failed over, committed and brought home from its recovery points, the same to the last byte", async () => {
    const times: Record<string, number> = {};
    const timed = async <Value>(what: string, work: () => Promise<Value>): Promise<Value> => {
      const started = performance.now();
      try {
        return await work();
      } finally {
        times[what] = Math.round(performance.now() - started);
      }
    };
    const guest = await createMachine({
      host: paris.host,
      name: "app1",
      addresses: [`${lab.subnet.replace(/\.0\/24$/, "")}.101`],
      disks: [{ sizeBytes: 128 * mebibyte, blobBytes: 8 * mebibyte }],
      boot: "kernel",
    });
    const machine = await readMachine(paris.connection, "app1", operation());
    const original = machine.disks[0]?.location ?? "";
    const spec: ReplicaSpec = { replica, item: itemName("app1"), machine, disks: [vda], epoch: 1, sourceSite: "paris" };
    expect((await lyon.target.checks(spec, operation())).filter(({ passed }) => !passed)).toEqual([]);
    const newer = machine.definition.replace(/machine=(["'])[^"']*\1/, 'machine="pc-q35-99.0"');
    const unknown = await lyon.target.checks({ ...spec, machine: { ...machine, definition: newer } }, operation());
    expect(unknown.filter(({ passed }) => !passed)).toMatchObject([{ detail: expect.stringContaining("pc-q35-99.0") }]);

    // Two points of the machine at home: before it ever ran, and after.
    await lyon.target.createReplica(spec, operation());
    const receiving = await lyon.target.open({ replica, epoch: 1, peerSite: "paris" }, never);
    const first = await contentOf(paris.host, original);
    const size = first.length;
    const a = cutOf("a", machine.definition, size, 1);
    await send(receiving, a, { after: first });
    await guest.start();
    await guest.shutDown();
    const second = await contentOf(paris.host, original);
    const b = cutOf("b", machine.definition, size, 1);
    await send(receiving, b, { before: first, after: second, base: a.id });

    // A test of the older point runs, isolated, while deltas go on.
    const test: FailoverRequest = {
      replica,
      failover: failoverId("test-1"),
      kind: "test",
      point: a.id,
      epoch: 1,
      networks: {},
      isolated: true,
      machineName: "app1-Test",
      item: itemName("app1"),
    };
    const testGuest = guestOn({ host: lyon.host, name: "app1", address: "none" });
    const activation = await timed("test failover, started", () => lyon.target.failOver(test, operation()));
    expect(activation.machine).not.toBe(machine.id);
    expect(await lyon.target.failOver(test, operation())).toEqual(activation);
    const c = cutOf("c", machine.definition, size, 1);
    await send(receiving, c, { before: second, after: second, base: b.id, keep: false });
    const d = cutOf("d", machine.definition, size, 1);
    await timed("seal beside a test", () =>
      send(receiving, d, { before: second, after: second, base: c.id, keep: false }),
    );
    await testGuest.waitReady(0, { timeoutMs: 30_000 });
    expect(await guestState(lyon.host, "app1-Test")).toBe("running");
    await timed("test clean-up", () =>
      lyon.target.discard({ replica, failover: test.failover, epoch: 1 }, operation()),
    );
    expect(await guestState(lyon.host, "app1-Test")).toBe("absent");
    expect(
      await lyon.host.run("ls /sys/class/net; ls $1/machines/* 2>/dev/null || :", [lyon.host.store]),
    ).toHaveProperty("stdout", expect.not.stringContaining("us-"));
    expect((await lyon.target.points(replica, operation())).map(({ id }) => id)).toEqual(["a", "b", "d"]);

    // Failed over under a higher epoch: the old sender is refused from then on.
    const real: FailoverRequest = {
      ...test,
      failover: failoverId("fo-1"),
      kind: "planned",
      point: b.id,
      epoch: 2,
      isolated: false,
      machineName: "app1",
    };
    const mark = await testGuest.consoleMark();
    await timed("failover, started", () => lyon.target.failOver(real, operation()));
    await expect(
      receiving.begin({ cut: cutOf("x", machine.definition, size, 1), mode: "delta", base: d.id }, never),
    ).rejects.toMatchObject({ code: "STALE_EPOCH" });
    await receiving[Symbol.asyncDispose]();
    await expect(lyon.target.open({ replica, epoch: 1, peerSite: "paris" }, never)).rejects.toMatchObject({
      code: "STALE_EPOCH",
    });
    await expect(lyon.target.open({ replica, epoch: 2, peerSite: "paris" }, never)).rejects.toMatchObject({
      code: "OPERATION_NOT_ALLOWED",
    });
    await testGuest.waitReady(mark, { timeoutMs: 30_000 });
    const there = await readMachine(lyon.connection, "app1", operation());
    expect([there.id, there.adapters]).toEqual([machine.id, machine.adapters]);

    // Another point before commit, and back to the newest.
    await timed("point changed", () => lyon.target.changePoint({ ...real, point: a.id, epoch: 2 }, operation()));
    expect(
      await lyon.target.changePoint({ ...real, failover: failoverId("fo-2"), point: d.id, epoch: 2 }, operation()),
    ).toMatchObject({ point: d.id, machine: machine.id });
    await testGuest.waitReady(await testGuest.consoleMark(), { timeoutMs: 30_000 });
    const overlay = (await readMachine(lyon.connection, "app1", operation())).disks[0]?.location ?? "";
    const info = JSON.parse((await lyon.host.run('qemu-img info -U --output=json "$1"', [overlay])).stdout) as {
      readonly "format-specific": {
        readonly data: { readonly bitmaps: readonly { readonly name: string; readonly flags: readonly string[] }[] };
      };
    };
    const records = info["format-specific"].data.bitmaps.map(({ name }) => parseRecordName(name));
    expect(records).toEqual([{ item: "app1", epoch: 2, cut: "d", sizeBytes: size, image: imageMark(overlay) }]);
    await lyon.target.commit({ replica, failover: failoverId("fo-2") }, operation());
    expect((await lyon.target.points(replica, operation())).map(({ id }) => id)).toEqual(["d"]);
    await expect(
      lyon.target.changePoint({ ...real, failover: failoverId("fo-2"), point: a.id }, operation()),
    ).rejects.toMatchObject({ code: "OPERATION_NOT_ALLOWED" });
    await expect(
      lyon.target.discard({ replica, failover: failoverId("fo-2"), epoch: 3 }, operation()),
    ).rejects.toMatchObject({ code: "OPERATION_NOT_ALLOWED" });

    // The way home: the old primary becomes the replica, which holds cut d already.
    const homeSpec: ReplicaSpec = {
      replica: homeReplica,
      item: itemName("app1"),
      machine: there,
      disks: [vda],
      epoch: 2,
      sourceSite: "lyon",
      adopt: { machine: machine.id, content: d.id },
    };
    await recordCut(paris.host, { image: original, cut: d.id, sizeBytes: size });
    await timed("adopted", () => paris.target.createReplica(homeSpec, operation()));
    await paris.target.createReplica(homeSpec, operation());
    expect(await guestState(paris.host, "app1")).toBe("absent");
    await lyon.host.run(
      "virsh -q shutdown app1; until [ \"$(virsh -q domstate app1)\" = 'shut off' ]; do sleep 0.1; done",
      [],
      { timeoutMs: 30_000 },
    );
    const third = await contentOf(lyon.host, overlay);
    const homeward = await paris.target.open({ replica: homeReplica, epoch: 2, peerSite: "lyon" }, never);
    expect(await homeward.state(never)).toMatchObject({ lastCut: "d" });
    const back = await readMachine(lyon.connection, "app1", operation());
    const e = cutOf("e", back.definition, size, 2);
    const sent = await send(homeward, e, { before: second, after: third, base: d.id });
    expect(sent).toBeLessThan(size / 4);
    await homeward[Symbol.asyncDispose]();
    const parisGuest = guestOn({ host: paris.host, name: "app1", address: "none" });
    const parisMark = await parisGuest.consoleMark();
    const home: FailoverRequest = {
      ...real,
      replica: homeReplica,
      failover: failoverId("fb-1"),
      point: e.id,
      epoch: 3,
    };
    await timed("failback, started", () => paris.target.failOver(home, operation()));
    await parisGuest.waitReady(parisMark, { timeoutMs: 30_000 });
    await parisGuest.shutDown();
    const returned = await readMachine(paris.connection, "app1", operation());
    expect([returned.id, returned.name, returned.disks[0]?.location]).toEqual([machine.id, "app1", original]);
    await paris.target.commit({ replica: homeReplica, failover: failoverId("fb-1") }, operation());

    // And round again: the machine at Lyon becomes a new replica on the layers of the old one; nothing is copied.
    // Not with a disk that it does not have: then all stays as it is.
    const adoptedAgain = { ...spec, replica: roundReplica, epoch: 3, adopt: { machine: machine.id, content: e.id } };
    await expect(
      lyon.target.createReplica({ ...adoptedAgain, disks: [vda, diskId("vdb")] }, operation()),
    ).rejects.toMatchObject({ code: "DISK_NOT_TRACKABLE" });
    expect((await lyon.target.points(replica, operation())).map(({ id }) => id)).toEqual(["d"]);
    await expect(lyon.target.points(roundReplica, operation())).rejects.toMatchObject({ code: "REPLICA_NOT_FOUND" });
    const fourth = await contentOf(paris.host, original);
    await recordCut(lyon.host, { image: overlay, cut: e.id, sizeBytes: size });
    await timed("adopted on its own layers", () => lyon.target.createReplica(adoptedAgain, operation()));
    await lyon.target.deleteReplica(replica, operation());
    const again = await lyon.target.open({ replica: roundReplica, epoch: 3, peerSite: "paris" }, never);
    const f = cutOf("f", returned.definition, size, 3);
    await send(again, f, { before: third, after: fourth, base: e.id });
    await again[Symbol.asyncDispose]();
    const finalRequest: FailoverRequest = {
      ...real,
      replica: roundReplica,
      failover: failoverId("fo-3"),
      point: f.id,
      epoch: 4,
    };
    await lyon.target.failOver(finalRequest, operation());
    await lyon.host.run("virsh -q destroy app1");
    const finalOverlay = (await readMachine(lyon.connection, "app1", operation())).disks[0]?.location ?? "";
    const backing =
      (
        await lyon.host.run(
          `qemu-img info -U --output=json "$1" | sed -n 's/.*"full-backing-filename": "\\(.*\\)".*/\\1/p'`,
          [finalOverlay],
        )
      ).stdout
        .trim()
        .split("\n")[0] ?? "";
    expect((await contentOf(lyon.host, backing)).equals(fourth)).toBe(true);

    // Deleting the replica leaves the committed machine with disks of its own.
    await lyon.target.commit({ replica: roundReplica, failover: failoverId("fo-3") }, operation());
    await lyon.host.run("virsh -q start app1");
    await timed("deleted beside a running machine", () => lyon.target.deleteReplica(roundReplica, operation()));
    expect(await guestState(lyon.host, "app1")).toBe("running");
    await lyon.host.run("virsh -q destroy app1");
    expect((await lyon.host.run('ls "$1/replicas"', [lyon.host.store])).stdout).toBe("");
    await lyon.host.run("virsh -q start app1 && sleep 1 && virsh -q destroy app1");
    await expect(lyon.target.points(replica, operation())).rejects.toMatchObject({ code: "REPLICA_NOT_FOUND" });
    expect(machineId(machine.id)).toBe(machine.id);
    if (process.env["TIMES"] !== undefined) process.stderr.write(`${JSON.stringify(times)}\n`);
  });
});

const guestState = async (host: LabHost, name: string): Promise<string> => {
  const { stdout } = await host.run('virsh -q domstate "$1" 2>/dev/null || echo absent', [name]);
  return stdout.trim();
};

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fault } from "#domain/fault.ts";
import type { Lab } from "#lab/hosts/lab.ts";
import { startLab } from "#lab/hosts/lab.ts";
import { bootCommands } from "#platforms/libvirt/offline/boot-commands.ts";
import { listPointsOffline } from "#platforms/libvirt/offline/list-points.ts";
import type { ReplicationSource } from "#platforms/platform.ts";
import { block, fixtureOf, op, pattern, replica } from "#test/contract/platform/fixture.ts";
import type { BlockSource } from "#transfer/block.ts";
import { openLibvirtHarness } from "./libvirt-harness.ts";
import { replication, same } from "./harness-replication.ts";
import { labId } from "./lab-id.ts";

/** The replication engine over the real stream, between two real hosts. */
let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ id: labId("rep") });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const contentBlocks = 256;

/** From here on nothing the worker asks of its host arrives, as after kill -9: what stands there stays. */
function dyingSource(source: ReplicationSource, readsLeft: number): ReplicationSource {
  const life = { reads: readsLeft };
  const alive = <Result>(work: () => Promise<Result>): Promise<Result> =>
    life.reads > 0 ? work() : Promise.reject(new Fault("HOST_UNREACHABLE", "The worker is dead."));
  const dying = (opened: BlockSource): BlockSource => ({
    sizeBytes: opened.sizeBytes,
    extents: (options) => opened.extents(options),
    async read(offset, into, signal) {
      life.reads -= 1;
      // What it had sent before has arrived when it dies.
      if (life.reads === 0) await sleep(500);
      return alive(() => opened.read(offset, into, signal));
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  });
  return {
    ...source,
    cut: (...args) => alive(() => source.cut(...args)),
    standingCut: (...args) => alive(() => source.standingCut(...args)),
    openDisk: (...args) => alive(async () => dying(await source.openDisk(...args))),
    release: (...args) => alive(() => source.release(...args)),
  };
}

test("a worker killed in the middle of a seed and of a delta is followed by one that goes on, with the same image", async () => {
  await using harness = await openLibvirtHarness(lab);
  const { spec, first } = fixtureOf(harness);
  const replicate = replication(harness);
  const overwrite = (seed: string) =>
    harness.write("source", first, {
      offset: 0,
      data: Buffer.concat(Array.from({ length: contentBlocks }, (_, at) => pattern(`${seed} ${at}`))),
    });
  await harness.target.createReplica(spec(), op);
  for (const mode of ["seed", "run"] as const) {
    await overwrite(mode);
    await using dead = await harness.openAgain();
    await expect(replicate(mode, dyingSource(dead.source, 10))).rejects.toMatchObject({ code: "HOST_UNREACHABLE" });
    await using next = await harness.openAgain();
    const report = await replicate(mode, next.source);
    expect(await same(harness, `look-${mode}`)).toBe(true);
    // What the first had sent and the second did not send again shows that it went on where that one died.
    expect(report.bytesSent).toBeLessThan(contentBlocks * block);
    expect(report.bytesSent).toBeGreaterThan(0);
  }
});

test("a copy that was carried by hand is compared, and only what differs is sent", async () => {
  await using harness = await openLibvirtHarness(lab);
  const { spec, first, write } = fixtureOf(harness);
  for (let at = 0; at < 12; at++) await write(first, at, `content ${at}`);
  const host = lab.host("lyon1");
  const disk = harness.machine.disks.find(({ id }) => id === first);
  if (disk === undefined) throw new Error("no disk");
  // Both hosts' files are this machine's: what a courier does.
  const carried = `${host.images}/carried`;
  await host.run('mkdir -p "$1"', [carried]);
  const from = lab.host("paris1").path(disk.location);
  await execa("qemu-img", ["convert", "-U", "-O", "raw", from, `${host.path(carried)}/vda.raw`]);
  await write(first, 3, "changed since");
  const copies = (file: string) => spec({ copies: { [first]: `${carried}/${file}` } });
  await host.run(
    `cd "$1" && qemu-img create -q -f qcow2 -b vda.raw -F raw overlay.qcow2 && truncate -s 1T big.raw &&
qemu-img create -q --object secret,id=s,data=x -f luks -o key-secret=s,iter-time=500 luks.raw 64K && qemu-img create -q -f vmdk other.vmdk 64M`,
    [carried],
  );
  for (const [file, problem] of [
    ["other.raw", "other.raw on host lyon1 is not there"],
    ["overlay.qcow2", "does not stand by itself: it needs vda.raw"],
    ["big.raw", "has 1099511627776 bytes, more than"],
    ["other.vmdk", "is in the format vmdk"],
  ] as const) {
    const failed = (await harness.target.checks(copies(file), op)).filter(({ passed }) => !passed);
    expect(failed.map(({ detail }) => detail)).toEqual([expect.stringContaining(problem)]);
    await expect(harness.target.createReplica(copies(file), op)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await harness.target.deleteReplica(replica, op);
  }
  // What the guest has encrypted as a whole.
  expect((await harness.target.checks(copies("luks.raw"), op)).filter(({ passed }) => !passed)).toEqual([]);
  await host.run('cd "$1" && rm overlay.qcow2 big.raw luks.raw other.vmdk', [carried]);
  expect((await harness.target.checks(copies("vda.raw"), op)).filter(({ passed }) => !passed)).toEqual([]);
  await harness.target.createReplica(copies("vda.raw"), op);
  // A worker that died and asks again.
  await harness.target.createReplica(copies("vda.raw"), op);
  // A disk's content is nobody's but root's and QEMU's.
  const modes = await host.run('find "$1" -path "*/replicas/*" -name "L*.qcow2" -exec stat -c %a {} +', [host.store]);
  expect(modes.stdout.trim()).toMatch(/^6[04]0$/);
  const report = await replication(harness)("seed");
  expect(report.bytesSent).toBe(block);
  expect(await same(harness, "look")).toBe(true);
  expect((await host.run('ls "$1"', [carried])).stdout.trim()).toBe("vda.raw");
});

test("a host crash ends in a resynchronization that sends the difference only", async () => {
  await using harness = await openLibvirtHarness(lab);
  const { spec, first, write } = fixtureOf(harness);
  const replicate = replication(harness);
  await harness.target.createReplica(spec(), op);
  for (let at = 0; at < 12; at++) await write(first, at, `content ${at}`);
  await replicate("seed");
  await write(first, 3, "changed");
  await harness.crashSource();
  await using again = await harness.openAgain();
  await expect(replicate("run", again.source)).rejects.toMatchObject({ code: "RESYNC_REQUIRED" });
  const report = await replicate("resynchronize", again.source);
  expect(report.bytesSent).toBe(block);
  expect(await same(harness, "look")).toBe(true);
  await write(first, 5, "and on");
  expect((await replicate("run", again.source)).bytesSent).toBe(block);
  expect(await same(harness, "look-again")).toBe(true);
});

test("a point is booted by the printed commands alone, and its images stay as they are", async () => {
  await using harness = await openLibvirtHarness(lab);
  const { spec, first, write } = fixtureOf(harness);
  await harness.target.createReplica(spec(), op);
  await write(first, 0, "content");
  await replication(harness)("seed");
  const host = lab.host("lyon1");
  const { stdout } = await host.run('find "$1" -name replica.json', [host.store]);
  const store = path.posix.dirname(path.posix.dirname(path.posix.dirname(stdout.trim())));
  // The store is read from outside of the host here, where its paths begin elsewhere.
  const [listed] = (await listPointsOffline(host.path(store), op.signal)).replicas;
  const point = listed?.points.at(-1);
  if (point === undefined) throw new Error("no point");
  const commands = bootCommands(point, `${host.images}/by-hand`).replaceAll(host.path(store), store);
  const images = point.images.map(({ file }) => file);
  const digest = () =>
    Promise.all(
      images.map(async (file) =>
        createHash("sha256")
          .update(await readFile(file))
          .digest("hex"),
      ),
    );
  const before = await digest();
  await host.run(`${commands}\nrm -rf "${host.images}/by-hand"`);
  expect((await host.run('virsh -q domstate "$1"', [harness.machine.name])).stdout.trim()).toBe("running");
  expect((await host.run('virsh -q domblklist "$1"', [harness.machine.name])).stdout).toContain("by-hand/vda.qcow2");
  expect(await digest()).toEqual(before);
});

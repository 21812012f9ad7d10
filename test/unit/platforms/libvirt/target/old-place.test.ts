import { existsSync } from "node:fs";
import { mkdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { cutId, diskId, failoverId, instant, itemName, machineId, replicaId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { openStore, type ReplicaStore } from "#platforms/libvirt/target/host-store.ts";
import { describePoint, serializeManifest } from "#platforms/libvirt/target/manifest.ts";
import { createLibvirtTarget } from "#platforms/libvirt/target/target.ts";
import type { FailoverRequest } from "#platforms/platform.ts";
import { operation } from "#test/support/operation.ts";
import { storedReplica } from "#test/support/stored-replica.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";
import { shellHost } from "../source/shell-host.ts";

const vda = diskId("vda");
const replica = replicaId("app1@paris");
const machine = machineId("5a3705d2-13fe-49bf-a1db-8a1536ac0f87");
const definition = `<domain type="qemu"><name>app1</name><uuid>${machine}</uuid><os><type>hvm</type></os><devices>
  <disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="/x"/><target dev="vda" bus="virtio"/></disk></devices></domain>`;
/** An image is a text that names the one beneath it. */
const qemuImg = `
case $1 in
  create) printf '    "backing-filename": "%s"\\n' "$7" >"\${10}" ;;
  info) cat "$4" ;;
esac`;
const point = {
  id: cutId("c1"),
  item: itemName("app1"),
  epoch: 1,
  takenAt: instant(0),
  sealedAt: instant(0),
  consistency: "crash-consistent",
  disks: [{ id: vda, sizeBytes: 1024 }],
  definition,
  kept: true,
  deltaBytes: 0,
} as const;
const request: FailoverRequest = {
  replica,
  failover: failoverId("fo-1"),
  kind: "planned",
  point: point.id,
  epoch: 2,
  networks: {},
  isolated: false,
  machineName: "app1",
  item: itemName("app1"),
};

let dir: ReturnType<typeof temporaryDir>;
let store: ReplicaStore;
let target: ReturnType<typeof createLibvirtTarget>;
/** Where the machine's disk was before it became a replica. */
let place: string;
/** What happens to the host between the rehearsal and the making of the disks. */
let meanwhile: () => Promise<void>;

beforeEach(async () => {
  dir = temporaryDir();
  meanwhile = () => Promise.resolve();
  const shell = await shellHost(dir.path, { "qemu-img": qemuImg, virsh: "exit 0" });
  let defined = false;
  const connection: HostConnection = {
    ...shell,
    async run(script, args, options) {
      if (options.purpose.startsWith("make the disks")) await meanwhile();
      try {
        return await shell.run(script, args, options);
      } catch (error) {
        const { code, stderr } = error as { readonly code: number; readonly stderr: string };
        throw new Fault("COMMAND_FAILED", stderr, { details: { exitCode: code, stderr } });
      }
    },
    virsh: (commands) => {
      const [command] = commands[0] ?? [];
      if (command === "define") defined = true;
      if (command === "undefine") defined = false;
      if (command === "domstate" && !defined) return Promise.reject(new Fault("MACHINE_NOT_FOUND", "no such machine"));
      const mark = `<understudy:activation replica="${replica}"/>`;
      const xml = definition.replace("<os>", `<metadata>${mark}</metadata><os>`);
      return Promise.resolve(commands.map(([each]) => (each === "dumpxml" ? xml : "running\n")));
    },
  };
  store = openStore({ host: connection, store: dir.path, replica });
  place = path.join(dir.path, "images/app1.qcow2");
  await mkdir(path.dirname(place));
  const layer = {
    layer: 0,
    cut: point.id,
    point: true,
    kept: true,
    takenAt: point.takenAt,
    consistency: point.consistency,
  };
  const state = storedReplica({
    replica,
    machine: { id: machine, name: "app1" },
    nextLayer: 1,
    layers: [{ ...layer, disks: { [vda]: { sizeBytes: 1024, backing: -1, digests: "complete" } } }],
    home: { machine, name: "app1", files: { [vda]: place } },
  });
  const manifest = {
    kind: "write",
    path: store.layout.manifest(point.id),
    bytes: serializeManifest(describePoint(point, 0)),
  } as const;
  await store.create({ state, operations: [manifest] }, { purpose: "make a replica", signal: operation().signal });
  target = createLibvirtTarget(connection, { store: dir.path });
});
afterEach(() => {
  dir[Symbol.dispose]();
});

const inTheWay = { code: "OPERATION_NOT_ALLOWED", message: expect.stringContaining("something else is there now") };

it("puts the disk where it was, and takes it away again with the failover", async () => {
  await target.failOver(request, operation());
  expect(await readFile(place, "utf8")).toContain(store.layout.image(vda, 0));
  await target.discard({ replica, failover: request.failover, epoch: 3 }, operation());
  expect(existsSync(place)).toBe(false);
});

it("refuses a failover whose disk's old place was given to somebody else, before anything is recorded", async () => {
  await writeFile(place, "another machine's disk");
  await expect(target.failOver(request, operation())).rejects.toMatchObject(inTheWay);
  expect(await readFile(place, "utf8")).toBe("another machine's disk");
  expect(await store.read(operation().signal)).toMatchObject({ epoch: 1, activations: [] });
});

it("refuses it as well where a link is there that leads nowhere", async () => {
  await symlink("/mnt/unplugged/app1.qcow2", place);
  await expect(target.failOver(request, operation())).rejects.toMatchObject(inTheWay);
  expect(await readlink(place)).toBe("/mnt/unplugged/app1.qcow2");
  expect(await store.read(operation().signal)).toMatchObject({ epoch: 1, activations: [] });
});

it("neither overwrites nor removes what was put there while the failover was under way", async () => {
  meanwhile = () => writeFile(place, "another machine's disk");
  await expect(target.failOver(request, operation())).rejects.toMatchObject(inTheWay);
  await target.discard({ replica, failover: request.failover, epoch: 3 }, operation());
  expect(await readFile(place, "utf8")).toBe("another machine's disk");
});

it("makes a disk of an attempt that was interrupted anew", async () => {
  meanwhile = () => Promise.reject(new Error("the worker died"));
  await expect(target.failOver(request, operation())).rejects.toThrow("the worker died");
  await writeFile(place, `    "backing-filename": "${store.layout.image(vda, 0)}"\nhalf made`);
  meanwhile = () => Promise.resolve();
  await target.failOver(request, operation());
  expect(await readFile(place, "utf8")).not.toContain("half made");
  await rm(place);
});

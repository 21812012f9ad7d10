import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { diskId, instant, itemName, machineId, replicaId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { inheritLayers } from "#platforms/libvirt/target/inherit.ts";
import { openStore } from "#platforms/libvirt/target/host-store.ts";
import { createLibvirtTarget } from "#platforms/libvirt/target/target.ts";
import type { ReplicaSpec } from "#platforms/platform.ts";
import { operation } from "#test/support/operation.ts";
import { storedActivation, storedReplica } from "#test/support/stored-replica.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";
import { shellHost } from "../source/shell-host.ts";

const [vda, vdb] = [diskId("vda"), diskId("vdb")];
const [earlier, later] = [replicaId("app1@paris"), replicaId("app1@paris-4")];
const machine = machineId("5a3705d2-13fe-49bf-a1db-8a1536ac0f87");
const signal = new AbortController().signal;
/** An image is a text that names the one beneath it. */
const qemuImg = `
for last; do :; done
case $1 in
  info) if [ -s "$last" ]; then printf '{"virtual-size": 1024, "backing-filename": "%s"}' "$(cat "$last")"; else echo '{"virtual-size": 1024}'; fi ;;
  rebase) [ -e "$(cat "$last")" ] || { echo "Could not open backing file $(cat "$last")" >&2; exit 1; }; : >"$last" ;;
esac`;

let dir: ReturnType<typeof temporaryDir>;
let connection: HostConnection;
let target: ReturnType<typeof createLibvirtTarget>;
/** Whether the machine is defined on the host, off. */
let defined: boolean;
let overlay: string;

beforeEach(async () => {
  dir = temporaryDir();
  defined = true;
  const shell = await shellHost(dir.path, { "qemu-img": qemuImg });
  connection = {
    ...shell,
    virsh: (commands) => {
      if (!defined) return Promise.reject(new Fault("MACHINE_NOT_FOUND", "no such machine"));
      const mark = `<metadata><understudy:activation xmlns:understudy="u" replica="${earlier}"/></metadata>`;
      const disk = `<disk type="file" device="disk"><driver type="qcow2"/><source file="${overlay}"/><target dev="vda"/></disk>`;
      const xml = `<domain type="qemu"><name>app1</name><uuid>${machine}</uuid>${mark}<os><type>hvm</type></os><devices>${disk}</devices></domain>`;
      return Promise.resolve(commands.map(([each]) => (each === "dumpxml" ? xml : "shut off\n")));
    },
  };
  const store = openStore({ host: connection, store: dir.path, replica: earlier });
  overlay = path.join(store.layout.activations, "fo-1/vda.qcow2");
  const ran = storedActivation({
    phase: "committed",
    layer: 0,
    overlays: { [vda]: { file: overlay, backing: store.layout.image(vda, 0) } },
  });
  const layer = { layer: 0, point: true, kept: true, takenAt: instant(0) };
  const state = storedReplica({
    replica: earlier,
    machine: { id: machine, name: "app1" },
    epoch: 2,
    nextLayer: 1,
    layers: [{ ...layer, disks: { [vda]: { sizeBytes: 1024, backing: -1, digests: "complete" } } }],
    activations: [ran],
  });
  await store.create({ state }, { purpose: "make a replica", signal });
  for (const [file, backing] of [
    [store.layout.image(vda, 0), ""],
    [overlay, store.layout.image(vda, 0)],
  ] as const) {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, backing);
  }
  target = createLibvirtTarget(connection, { store: dir.path });
});
afterEach(() => {
  dir[Symbol.dispose]();
});

const specOf = (over: Partial<ReplicaSpec> = {}): ReplicaSpec => ({
  replica: later,
  item: itemName("app1"),
  machine: {
    id: machine,
    name: "app1",
    running: true,
    disks: [],
    adapters: [],
    firmware: "bios",
    definition: "<domain/>",
  } as unknown as ReplicaSpec["machine"],
  disks: [vda],
  epoch: 4,
  sourceSite: "lyon",
  ...over,
});
const adopt = { machine };
const stateOf = (replica: typeof earlier) => openStore({ host: connection, store: dir.path, replica }).find(signal);
/** The worker died between the two: the layers have moved, the adoption is not recorded. */
const inheritOnly = async () => {
  const store = openStore({ host: connection, store: dir.path, replica: later });
  await inheritLayers({ connection, store, folder: dir.path }, specOf({ adopt }), operation());
  expect(await stateOf(earlier)).toBeUndefined();
  expect(await stateOf(later)).toMatchObject({ replica: earlier });
};

it("leaves the earlier replica where it is when the machine cannot be adopted, and what it advises leads on", async () => {
  const spec = specOf({ disks: [vda, vdb] });
  await expect(target.createReplica({ ...spec, adopt }, operation())).rejects.toMatchObject({
    code: "DISK_NOT_TRACKABLE",
    message: expect.stringContaining("Undefine it there") as string,
  });
  expect(await stateOf(earlier)).toMatchObject({ replica: earlier, activations: [{ phase: "committed" }] });
  expect(await stateOf(later)).toBeUndefined();
  defined = false;
  await expect(target.createReplica({ ...spec, adopt }, operation())).rejects.toMatchObject({
    code: "MACHINE_NOT_FOUND",
  });
  await target.createReplica(spec, operation());
  await using receiving = await target.open({ replica: later, epoch: 4, peerSite: "lyon" }, signal);
  expect((await receiving.state(signal)).lastCut).toBeUndefined();
  await target.deleteReplica(earlier, operation());
  expect(await stateOf(earlier)).toBeUndefined();
});

it("tells that a disk's file is gone before anything is taken over", async () => {
  overlay = path.join(dir.path, "gone.qcow2");
  await expect(target.createReplica(specOf({ adopt }), operation())).rejects.toMatchObject({
    code: "DISK_NOT_TRACKABLE",
    message: expect.stringContaining("is not there on host paris1") as string,
  });
  expect(await stateOf(earlier)).toBeDefined();
});

it("begins anew where layers were inherited by an adoption that never came, and gives them back", async () => {
  await inheritOnly();
  defined = false;
  await target.createReplica(specOf(), operation());
  expect(await stateOf(later)).toMatchObject({ replica: later, epoch: 4, layers: [], activations: [] });
  expect(await stateOf(earlier)).toMatchObject({ replica: earlier, epoch: 2, activations: [{ phase: "committed" }] });
});

it("deletes a replica that only inherited its layers, and the machine's disks stand by themselves", async () => {
  await inheritOnly();
  await target.deleteReplica(later, operation());
  expect([await stateOf(later), await stateOf(earlier)]).toEqual([undefined, undefined]);
  expect(existsSync(overlay)).toBe(true);
});

it("does not take a replica over that its machine was failed over to", async () => {
  await expect(target.createReplica(specOf({ replica: earlier }), operation())).rejects.toMatchObject({
    code: "REPLICA_BUSY",
    message: expect.stringContaining("was failed over to it (fo-1)") as string,
  });
  expect(await stateOf(earlier)).toMatchObject({ epoch: 2 });
});

import { randomUUID } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { DiskId, MachineId } from "#domain/ids.ts";
import { hostName } from "#domain/ids.ts";
import { definitionXml } from "#lab/guest/definition.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import type { Lab } from "#lab/hosts/lab.ts";
import { createLibvirtPlatform } from "#platforms/libvirt/platform.ts";
import type { Platform } from "#platforms/platform.ts";
import type { PlatformHarness } from "#test/contract/platform/harness.ts";
import { operation } from "#test/support/operation.ts";
import { blockBytes } from "#transfer/block.ts";

const op = operation();
let made = 0;

/** The contract suite's two hosts, on a lab that all its tests share: a machine without a guest system, whose disks only the test writes to, and a store of its own for each test. */
export async function openLibvirtHarness(lab: Lab): Promise<PlatformHarness> {
  const number = ++made;
  const hosts = { source: lab.host("paris1"), target: lab.host("lyon1") };
  await Promise.all(Object.values(hosts).map((host) => host.start()));
  const name = `contract${number}`;
  const uuid = await defineMachine(hosts.source, name);
  await hosts.source.run('virsh -q start "$1"', [name]);
  await hosts.target.run("[ -d /sys/class/net/br-test ] || ip link add br-test type bridge; ip link set br-test up");
  const platforms = { source: await platformOn(hosts.source, number), target: await platformOn(hosts.target, number) };
  const machine = await platforms.source.inventory.find(uuid, op);
  return {
    ...rolesOf(platforms.source, platforms.target),
    back: rolesOf(platforms.target, platforms.source),
    sourceSite: "paris",
    targetSite: "lyon",
    machine,
    leastScratchBytes: 16 * 1024 * 1024,
    networks: { br0: "br0" },
    testNetwork: "br-test",
    write: (side, disk, at) => writeAsGuest(hosts[side], { machine: machine.id, disk, ...at }),
    readDisk: (side, id, disk) => readImage(hosts[side], id, disk),
    machines: (side) => platforms[side].inventory.list(op),
    async openAgain() {
      const again = await platformOn(hosts.source, number);
      return { ...rolesOf(again, again), [Symbol.asyncDispose]: () => again[Symbol.asyncDispose]() };
    },
    async crashSource() {
      await hosts.source.crash();
      await hosts.source.start();
      await hosts.source.run('virsh -q start "$1"', [name]);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(platforms).map((platform) => platform[Symbol.asyncDispose]()));
      await Promise.all(Object.values(hosts).map((host) => removeMachines(host, number)));
    },
  };
}

const storeOf = (host: LabHost, number: number): string => `${host.store}/contract${number}`;

function platformOn(host: LabHost, number: number): Promise<Platform> {
  const { address, port, user, hostKey, identityFile } = host;
  const connection = { name: hostName(host.name), kind: "libvirt", address, port, user, hostKey, identityFile };
  return createLibvirtPlatform({
    host: { ...connection, store: storeOf(host, number) },
    onWarning: (problem) => {
      throw new Error("The platform warned.", { cause: problem });
    },
  });
}

function rolesOf(from: Platform, to: Platform): Pick<PlatformHarness, "source" | "target"> {
  if (from.source === undefined || to.target === undefined) throw new Error("libvirt plays both roles.");
  return { source: from.source, target: to.target };
}

async function defineMachine(host: LabHost, name: string): Promise<string> {
  const uuid = randomUUID();
  const disks = [320, 24].map((blocks, index) => ({ blocks, file: `${host.images}/${name}-${index}.qcow2` }));
  for (const { blocks, file } of disks)
    await host.run('qemu-img create -q -f qcow2 "$1" "$2"', [file, String(blocks * blockBytes)]);
  const xml = definitionXml({
    name,
    uuid,
    memoryMib: 64,
    firmware: "bios",
    disks: disks.map(({ file }) => ({ file, format: "qcow2", bus: "virtio" })),
    adapters: [{ mac: `52:54:00:00:00:${(made % 200).toString(16).padStart(2, "0")}`, bridge: host.bridge }],
  });
  await host.run('cat >"/run/$1.xml" && virsh -q define "/run/$1.xml"', [name], { stdin: xml });
  return uuid;
}

/** As the guest's driver would: through the machine's device, so that all that hangs before the image sees it. */
async function writeAsGuest(
  host: LabHost,
  write: { readonly machine: MachineId; readonly disk: DiskId; readonly offset: number; readonly data: Uint8Array },
): Promise<void> {
  const onHost = `${host.images}/pattern-${randomUUID()}`;
  await writeFile(host.path(onHost), write.data);
  const said = await qemuIo(host, write, `write -s ${onHost} ${write.offset} ${write.data.length}`);
  // Only what went wrong is said here; the rest goes to QEMU's own output.
  if (said.trim() !== "") throw new Error(`The machine did not take the write: ${said}`);
  await rm(host.path(onHost));
}

async function qemuIo(
  host: LabHost,
  on: { readonly machine: MachineId; readonly disk: DiskId },
  command: string,
): Promise<string> {
  const device = `/machine/peripheral/virtio-disk${on.disk.charCodeAt(2) - "a".charCodeAt(0)}/virtio-backend`;
  const argument = `qemu-io -d ${device} "${command}"`;
  return (await host.run('virsh qemu-monitor-command --hmp "$1" "$2"', [on.machine, argument])).stdout;
}

async function readImage(host: LabHost, machine: MachineId, disk: DiskId): Promise<Buffer> {
  const onHost = `${host.images}/read-${randomUUID()}`;
  const { stdout: state } = await host.run('virsh -q domstate "$1"', [machine]);
  // What QEMU keeps of the image in its memory has to be in the file before another program reads it.
  if (state.trim() === "running") await qemuIo(host, { machine, disk }, "flush");
  await host.run(
    `image=$(virsh -q domblklist "$1" | awk -v disk="$2" '$1 == disk { print $2 }')
     qemu-img convert -U -O raw "$image" "$3"`,
    [machine, disk, onHost],
  );
  const content = await readFile(host.path(onHost));
  await rm(host.path(onHost));
  return content;
}

/** Everything a test made on the host; the next one finds it as it was. */
async function removeMachines(host: LabHost, number: number): Promise<void> {
  await host.run(
    `for id in $(virsh -q list --all --uuid); do
       virsh -q destroy "$id" 2>/dev/null || :
       virsh -q undefine "$id" --nvram --checkpoints-metadata --snapshots-metadata 2>/dev/null || virsh -q undefine "$id"
     done
     for pid in $(pgrep -f "$1" || :); do [ "$pid" = $$ ] || kill -9 "$pid" 2>/dev/null || :; done
     rm -rf "$1" "$2"/contract*`,
    [storeOf(host, number), path.posix.dirname(`${host.images}/x`)],
  );
}

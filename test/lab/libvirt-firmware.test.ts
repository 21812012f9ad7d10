import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cutId, diskId, failoverId, itemName, machineId, replicaId, type CutId } from "#domain/ids.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import { configuredHost } from "#lab/hosts/configured-host.ts";
import { startLab, type Lab } from "#lab/hosts/lab.ts";
import { createLibvirtPlatform } from "#platforms/libvirt/platform.ts";
import type {
  FailoverRequest,
  Inventory,
  RecoveryTarget,
  ReplicaSpec,
  ReplicationSource,
} from "#platforms/platform.ts";
import { operation } from "#test/support/operation.ts";
import { send } from "#test/support/send.ts";
import { labId } from "./lab-id.ts";

const never = new AbortController().signal;
const op = operation();
const vda = diskId("vda");

interface Side extends AsyncDisposable {
  readonly host: LabHost;
  readonly source: ReplicationSource;
  readonly target: RecoveryTarget;
  readonly inventory: Inventory;
  /** What a script says. */
  ask(script: string, ...args: readonly string[]): Promise<string>;
}

let lab: Lab;
let paris: Side;
let lyon: Side;

const sideOf = async (name: string): Promise<Side> => {
  const host = lab.host(name);
  const platform = await createLibvirtPlatform({
    host: { ...configuredHost(host), store: host.store },
    onWarning: (problem) => {
      throw new Error("The platform warned.", { cause: problem });
    },
  });
  const { source, target } = platform;
  if (source === undefined || target === undefined) throw new Error("libvirt plays both roles.");
  return {
    host,
    source,
    target,
    inventory: platform.inventory,
    ask: async (script, ...args) => (await host.run(script, args)).stdout.trim(),
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
};

beforeAll(async () => {
  lab = await startLab({ id: labId("fwr"), hosts: ["paris1", "lyon1"] });
  [paris, lyon] = await Promise.all([sideOf("paris1"), sideOf("lyon1")]);
});
afterAll(async () => {
  await Promise.all([paris, lyon].map((side) => side?.[Symbol.asyncDispose]()));
  await lab?.[Symbol.asyncDispose]();
});

const digestOf = (side: Side, file: string): Promise<string> => side.ask('sha256sum <"$1" | cut -c 1-64', file);
/** The last bytes of the store are spare: firmware that runs for a moment does not come by there. */
const markOf = (side: Side, file: string): Promise<string> => side.ask('tail -c 16 "$1"', file);
const mark = (side: Side, file: string, text: string): Promise<string> =>
  side.ask(
    'printf %s "$2" | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") - 16)) conv=notrunc status=none',
    file,
    text.padEnd(16, "."),
  );
const nvramOf = (side: Side, name: string): Promise<string> =>
  side.ask(`virsh -q dumpxml "$1" | sed -n 's:.*<nvram[^>]*>\\([^<]*\\)</nvram>.*:\\1:p'`, name);
const autostartOf = (side: Side, name: string): Promise<string> =>
  side.ask(`virsh dominfo "$1" | sed -n 's/^Autostart: *//p'`, name);
const disksOf = (side: Side, name: string): Promise<string> =>
  side.ask(`virsh -q domblklist "$1" --inactive | awk '{ print $1 }' | xargs`, name);

/** A machine whose processor finds firmware that does nothing (`idle`), or real one that libvirt chooses; a disk of it is not replicated. */
const define = async (name: string, firmware: "idle" | "chosen"): Promise<string> => {
  const { host } = paris;
  // At the processor's first instruction: cli; hlt; and back to the hlt.
  const idle = `truncate -s 3653632 "$1/idle.fd"; printf '\\372\\364\\353\\375' | dd of="$1/idle.fd" bs=1 seek=3653616 conv=notrunc status=none`;
  for (const side of [paris, lyon]) await side.ask(idle, side.host.images);
  for (const disk of ["0", "1"])
    await paris.ask('qemu-img create -q -f qcow2 "$1" 1M', `${host.images}/${name}-${disk}.qcow2`);
  const os =
    firmware === "chosen"
      ? "<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type></os>"
      : `<os><type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='pflash'>${host.images}/idle.fd</loader><nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'/></os>`;
  const uuid = randomUUID();
  const disk = (number: number, dev: string): string =>
    `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${host.images}/${name}-${number}.qcow2'/><target dev='${dev}' bus='virtio'/></disk>`;
  await host.run('cat >"/run/$1.xml" && virsh -q define "/run/$1.xml" && virsh -q autostart "$1"', [name], {
    stdin: `<domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>${os}<features><acpi/></features><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>${disk(0, "vda")}${disk(1, "vdb")}<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>`,
  });
  // libvirt makes the store when it starts the machine; then it is marked, and the guest has not run.
  await paris.ask('virsh -q start --paused "$1" && virsh -q destroy "$1"', name);
  await mark(paris, `/var/lib/libvirt/qemu/nvram/${name}_VARS.fd`, "made at paris");
  await paris.ask('virsh -q start --paused "$1"', name);
  return uuid;
};

/** A machine that runs at Paris and has an empty replica at Lyon, and what is done with it again and again. */
const protectedMachine = async (name: string, firmware: "idle" | "chosen") => {
  const id = machineId(await define(name, firmware));
  const machine = await paris.inventory.find(name, op);
  const [item, away, home] = [itemName(name), replicaId(`${name}@lyon`), replicaId(`${name}@paris`)];
  const tracked = { item, machine: id, disks: [vda], epoch: 1 };
  const spec: ReplicaSpec = { replica: away, item, machine, disks: [vda], epoch: 1, sourceSite: "paris" };
  expect((await lyon.target.checks(spec, op)).filter(({ passed }) => !passed)).toEqual([]);
  await lyon.target.createReplica(spec, op);
  return {
    id,
    item,
    away,
    home,
    tracked,
    spec,
    original: `/var/lib/libvirt/qemu/nvram/${name}_VARS.fd`,
    /** A whole cycle, as the replicator does it: without the content of what is there already. */
    async cycle(from: Side, cut: string, since?: CutId) {
      const [to, replica, epoch, peerSite] = from === paris ? [lyon, away, 1, "paris"] : [paris, home, 2, "lyon"];
      const of = { ...tracked, epoch };
      const request = { tracked: of, cut: cutId(cut), consistency: "crash-consistent", scratchPercent: 50 } as const;
      const { description, warnings } = await from.source.cut(request, op);
      expect(warnings).toBeUndefined();
      await using opened = await to.target.open({ replica, epoch, peerSite }, never);
      const { files: held = [] } = await opened.state(never);
      const files = (description.files ?? []).map(({ content, ...file }) =>
        held.includes(file.sha256) || content === undefined ? file : { ...file, content },
      );
      const sent = { source: from.source, tracked: of, replica: opened, cut: { ...description, files } };
      const point = await send({ ...sent, ...(since && { since }) });
      await from.source.release({ tracked: of, keep: [description.id] }, op);
      return { point, files };
    },
    failover: (over: Partial<FailoverRequest> & Pick<FailoverRequest, "point">): FailoverRequest => ({
      replica: away,
      failover: failoverId("fo-1"),
      kind: "planned",
      epoch: 2,
      networks: {},
      isolated: false,
      machineName: name,
      item,
      ...over,
    }),
    turnOff: (side: Side) => side.source.shutDown({ machine: id, graceSeconds: 0, force: true }, op),
    fence: (side: Side, epoch: number) => side.source.fence({ item, machine: id, epoch }, op),
  };
};

describe("a UEFI machine that its host starts by itself", () => {
  it("takes its firmware's variables and its autostart along, and home again, where its other disk waits", async () => {
    const name = "efi";
    const machine = await protectedMachine(name, "idle");
    const { id, away, home, tracked, spec, original } = machine;
    const made = await digestOf(paris, original);
    expect((await paris.source.checks(tracked, op)).find((check) => check.name === "Firmware variables")).toMatchObject(
      {
        passed: true,
        detail: "540672 bytes go with every recovery point.",
      },
    );
    const first = await machine.cycle(paris, "c1");
    expect(first.files).toMatchObject([{ role: "nvram", sha256: made, content: expect.any(String) as string }]);
    expect(first.point).not.toHaveProperty("files");
    const packed = `${lyon.host.store}/replicas/${encodeURIComponent(away)}/files/${made}.gz`;
    expect(await lyon.ask('gzip -dc "$1" | sha256sum | cut -c 1-64; stat -c %a "$1"', packed)).toBe(`${made}\n600`);

    // A test has a copy of its own, is not started by the host, and gets nothing that is not replicated.
    const test = machine.failover({
      kind: "test",
      failover: failoverId("test-1"),
      point: first.point.id,
      epoch: 1,
      isolated: true,
      machineName: `${name}-Test`,
    });
    await lyon.target.failOver(test, op);
    expect(await digestOf(lyon, await nvramOf(lyon, `${name}-Test`))).toBe(made);
    expect([await autostartOf(lyon, `${name}-Test`), await disksOf(lyon, `${name}-Test`)]).toEqual(["disable", "vda"]);
    await lyon.target.discard({ replica: away, failover: test.failover, epoch: 1 }, op);

    await machine.turnOff(paris);
    const last = await machine.cycle(paris, "c2", first.point.id);
    expect(last.files).toEqual([{ role: "nvram", sha256: made, sizeBytes: 540_672 }]);
    await machine.fence(paris, 2);
    const moved = await lyon.target.failOver(machine.failover({ point: last.point.id }), op);
    expect(moved.warnings).toBeUndefined();
    const there = await nvramOf(lyon, name);
    expect(there).toContain(`${lyon.host.store}/machines/`);
    expect(await digestOf(lyon, there)).toBe(made);
    expect(await disksOf(lyon, name)).toBe("vda");
    expect([await autostartOf(paris, name), await autostartOf(lyon, name)]).toEqual(["disable", "enable"]);
    await lyon.target.commit({ replica: away, failover: failoverId("fo-1") }, op);

    // Home again, with what the guest has stored at Lyon.
    const adopt = { machine: id, content: last.point.id };
    await paris.target.createReplica({ ...spec, replica: home, epoch: 2, sourceSite: "lyon", adopt }, op);
    await machine.turnOff(lyon);
    await mark(lyon, there, "made at lyon");
    const changed = await digestOf(lyon, there);
    const { point } = await machine.cycle(lyon, "r1", last.point.id);
    await machine.fence(lyon, 3);
    const failback = machine.failover({ replica: home, failover: failoverId("fb-1"), point: point.id, epoch: 3 });
    expect((await paris.target.failOver(failback, op)).warnings).toBeUndefined();
    expect(await nvramOf(paris, name)).toBe(original);
    expect(await digestOf(paris, original)).toBe(changed);
    expect([await autostartOf(paris, name), await autostartOf(lyon, name)]).toEqual(["enable", "disable"]);
    expect(await paris.ask(`virsh -q domblklist "$1" | awk '{ print $2 }' | xargs -n 1 basename | xargs`, name)).toBe(
      `${name}-0.qcow2 ${name}-1.qcow2`,
    );
    await paris.ask('virsh -q destroy "$1"', name);
  });

  it("takes them along from where libvirt put them itself, also when it is off and its definition names no place", async () => {
    const name = "efi-chosen";
    const machine = await protectedMachine(name, "chosen");
    const first = await machine.cycle(paris, "c1");
    await machine.turnOff(paris);
    expect(await nvramOf(paris, name)).toBe("");
    const last = await machine.cycle(paris, "c2", first.point.id);
    expect(last.files).toMatchObject([{ role: "nvram", sha256: await digestOf(paris, machine.original) }]);
    await machine.fence(paris, 2);
    await lyon.target.failOver(machine.failover({ point: last.point.id }), op);
    const there = await nvramOf(lyon, name);
    expect(there).toContain(`${lyon.host.store}/machines/`);
    // Its real firmware runs by now and may have written elsewhere.
    expect(await markOf(lyon, there)).toBe("made at paris...");
    await lyon.ask('virsh -q destroy "$1"', name);
  });
});

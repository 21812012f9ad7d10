import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cutId, diskId, failoverId, itemName, machineId, replicaId, type CutId } from "#domain/ids.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import { configuredHost } from "#lab/hosts/configured-host.ts";
import { startLab, type Lab } from "#lab/hosts/lab.ts";
import { createLibvirtPlatform } from "#platforms/libvirt/platform.ts";
import type { FailoverRequest, RecoveryTarget, ReplicaSpec, ReplicationSource } from "#platforms/platform.ts";
import { operation } from "#test/support/operation.ts";
import { send } from "#test/support/send.ts";

const never = new AbortController().signal;
const op = operation();
const vda = diskId("vda");

interface Side extends AsyncDisposable {
  readonly host: LabHost;
  readonly source: ReplicationSource;
  readonly target: RecoveryTarget;
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
    ask: async (script, ...args) => (await host.run(script, args)).stdout.trim(),
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
};

beforeAll(async () => {
  lab = await startLab({ id: "fwr", hosts: ["paris1", "lyon1"] });
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

describe("a UEFI machine that is started by its host", () => {
  it.each(["idle", "chosen"] as const)(
    "takes its firmware's variables along and home again (%s firmware)",
    async (firmware) => {
      const name = `efi-${firmware}`;
      const id = machineId(await define(name, firmware));
      const item = itemName(name);
      const [away, home] = [replicaId(`${name}@lyon`), replicaId(`${name}@paris`)];
      const original = `/var/lib/libvirt/qemu/nvram/${name}_VARS.fd`;
      const made = await digestOf(paris, original);
      const platform = await createLibvirtPlatform({
        host: { ...configuredHost(paris.host), store: paris.host.store },
        onWarning: () => undefined,
      });
      await using _ = platform;
      const machine = await platform.inventory.find(name, op);
      const tracked = { item, machine: id, disks: [vda], epoch: 1 };
      const spec: ReplicaSpec = { replica: away, item, machine, disks: [vda], epoch: 1, sourceSite: "paris" };
      const carried = (await paris.source.checks(tracked, op)).find((check) => check.name === "Firmware variables");
      expect(carried).toMatchObject({ passed: true, detail: "540672 bytes go with every recovery point." });
      expect((await lyon.target.checks(spec, op)).filter(({ passed }) => !passed)).toEqual([]);
      await lyon.target.createReplica(spec, op);

      const request = (cut: string, of = tracked) =>
        ({ tracked: of, cut: cutId(cut), consistency: "crash-consistent", scratchPercent: 50 }) as const;
      /** A whole cycle: as the replicator does it, without the content of what is there already. */
      const cycle = async (
        from: Side,
        to: Side,
        over: {
          readonly cut: string;
          readonly replica: typeof away;
          readonly epoch: number;
          readonly site: string;
          readonly since?: CutId;
        },
      ) => {
        const of = { ...tracked, epoch: over.epoch };
        const { description, warnings } = await from.source.cut(request(over.cut, of), op);
        expect(warnings).toBeUndefined();
        await using opened = await to.target.open(
          { replica: over.replica, epoch: over.epoch, peerSite: over.site },
          never,
        );
        const { files: held = [] } = await opened.state(never);
        const files = description.files?.map(({ content, ...file }) =>
          held.includes(file.sha256) || content === undefined ? file : { ...file, content },
        );
        const cut = { ...description, ...(files && { files }) };
        const point = await send({
          source: from.source,
          tracked: of,
          replica: opened,
          cut,
          ...(over.since && { since: over.since }),
        });
        await from.source.release({ tracked: of, keep: [description.id] }, op);
        return { point, files: files ?? [] };
      };
      const out = { replica: away, epoch: 1, site: "paris" };
      const first = await cycle(paris, lyon, { ...out, cut: "c1" });
      expect(first.files).toMatchObject([{ role: "nvram", sha256: made, content: expect.any(String) as string }]);
      expect(first.point).not.toHaveProperty("files");
      const second = await cycle(paris, lyon, { ...out, cut: "c2", since: first.point.id });
      expect(second.files).toEqual([{ role: "nvram", sha256: made, sizeBytes: 540_672 }]);
      const packed = `${lyon.host.store}/replicas/${encodeURIComponent(away)}/files/${made}.gz`;
      expect(await lyon.ask('gzip -dc "$1" | sha256sum | cut -c 1-64; stat -c %a "$1"', packed)).toBe(`${made}\n600`);

      // A test has a copy of its own, is not started by the host, and gets nothing that is not replicated.
      const wanted: FailoverRequest = {
        replica: away,
        failover: failoverId("test-1"),
        kind: "test",
        point: second.point.id,
        epoch: 1,
        networks: {},
        isolated: true,
        machineName: `${name}-Test`,
        item,
      };
      await lyon.target.failOver(wanted, op);
      expect(await markOf(lyon, await nvramOf(lyon, `${name}-Test`))).toBe("made at paris...");
      expect([await autostartOf(lyon, `${name}-Test`), await disksOf(lyon, `${name}-Test`)]).toEqual([
        "disable",
        "vda",
      ]);
      await lyon.target.discard({ replica: away, failover: wanted.failover, epoch: 1 }, op);

      // The machine moves. The last cut is of one that is off, where libvirt names no store for firmware that it chooses.
      await paris.source.shutDown({ machine: id, graceSeconds: 0, force: true }, op);
      const last = await cycle(paris, lyon, { ...out, cut: "c3", since: second.point.id });
      await paris.source.fence({ item, machine: id, epoch: 2 }, op);
      expect(await autostartOf(paris, name)).toBe("disable");
      const real = { ...wanted, kind: "planned", isolated: false, machineName: name, point: last.point.id } as const;
      const moved = await lyon.target.failOver({ ...real, failover: failoverId("fo-1"), epoch: 2 }, op);
      expect(moved.warnings).toBeUndefined();
      const there = await nvramOf(lyon, name);
      expect(there).toContain(`${lyon.host.store}/machines/`);
      if (firmware === "idle") expect(await digestOf(lyon, there)).toBe(made);
      expect(await markOf(lyon, there)).toBe("made at paris...");
      expect([await autostartOf(lyon, name), await disksOf(lyon, name)]).toEqual(["enable", "vda"]);
      await lyon.target.commit({ replica: away, failover: failoverId("fo-1") }, op);

      // Home again, with what the guest has stored at Lyon.
      const adopt = { machine: id, content: last.point.id };
      await paris.target.createReplica({ ...spec, replica: home, epoch: 2, sourceSite: "lyon", adopt }, op);
      await lyon.source.shutDown({ machine: id, graceSeconds: 0, force: true }, op);
      await mark(lyon, there, "made at lyon");
      const changed = await digestOf(lyon, there);
      const back = { replica: home, epoch: 2, site: "lyon", cut: "r1", since: last.point.id };
      const { point } = await cycle(lyon, paris, back);
      await lyon.source.fence({ item, machine: id, epoch: 3 }, op);
      const returned = await paris.target.failOver(
        { ...real, replica: home, failover: failoverId("fb-1"), point: point.id, epoch: 3 },
        op,
      );
      expect(returned.warnings).toBeUndefined();
      expect(await nvramOf(paris, name)).toBe(original);
      if (firmware === "idle") expect(await digestOf(paris, original)).toBe(changed);
      expect(await markOf(paris, original)).toBe("made at lyon....");
      expect([await autostartOf(paris, name), await autostartOf(lyon, name)]).toEqual(["enable", "disable"]);
      expect(await disksOf(paris, name)).toBe("vda vdb");
      expect(await paris.ask('virsh -q domblklist "$1" | awk \'$1 == "vdb" { print $2 }\'', name)).toBe(
        `${paris.host.images}/${name}-1.qcow2`,
      );
      await paris.ask('virsh -q destroy "$1"', name);
    },
  );
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DiskId } from "#domain/ids.ts";
import { isFault } from "#domain/fault.ts";
import type { LabGuest } from "#lab/guest/guest.ts";
import { createMachine } from "#lab/guest/machine.ts";
import { checkImages } from "#lab/oracle/check-image.ts";
import { compareImages } from "#lab/oracle/compare.ts";
import { createLibvirtInventory } from "#platforms/libvirt/inventory/inventory.ts";
import type { TrackedMachine } from "#platforms/platform.ts";
import {
  copyDisk,
  cutOf,
  disk,
  imageFolder,
  leftovers,
  newCut,
  operation,
  raw,
  startGuest,
  startSourceHost,
  track,
  type SourceHost,
} from "./libvirt-source-fixture.ts";
import { labId } from "./lab-id.ts";

const mebibyte = 1024 * 1024;
let at: SourceHost;
let duo: { readonly guest: LabGuest; readonly tracked: TrackedMachine };

beforeAll(async () => {
  at = await startSourceHost(labId("srcg"));
  duo = await startGuest(at, {
    name: "duo",
    address: 101,
    disks: [{}, { sizeBytes: 256 * mebibyte }],
    settings: { intervalMs: 10 },
  });
}, 120_000);
afterAll(async () => {
  await at?.[Symbol.asyncDispose]();
});

const writesOn = async (guest: LabGuest): Promise<void> => {
  const before = (await guest.status()).seq;
  await expect.poll(async () => (await guest.status()).seq, { timeout: 5_000, interval: 50 }).toBeGreaterThan(before);
};

describe("an application-consistent cut", () => {
  const appCut = (tracked: TrackedMachine) =>
    at.source.cut({ tracked, cut: newCut(), consistency: "app-consistent", scratchPercent: 50 }, operation());

  afterEach(async () => {
    await at.source.release({ tracked: duo.tracked, keep: [] }, operation());
  });

  it("holds the guest's application at rest and its file systems clean, and the guest goes on within a second", async () => {
    await using images = await imageFolder(at);
    const { tracked, guest } = duo;
    const { description, frozenMs } = await appCut(tracked);
    expect(description.consistency).toBe("app-consistent");
    expect(frozenMs).toBeGreaterThan(0);
    expect(frozenMs).toBeLessThan(5_000);
    await writesOn(guest);
    const files = tracked.disks.map((id) => images.file(id));
    for (const [index, file] of files.entries())
      await copyDisk(at.source, { tracked, cut: description.id, disk: disk(tracked, index), file });
    const verdict = await checkImages(files.map(raw));
    expect(verdict).toMatchObject({ ok: true, clean: true });
    expect(verdict.quiesced).toBe(verdict.head);
  });

  it("is refused when a hook of the guest fails, and nothing stands", async () => {
    const { tracked, guest } = duo;
    await guest.set({ freeze: "fail" });
    try {
      await expect(appCut(tracked)).rejects.toMatchObject({ code: "GUEST_FREEZE_FAILED" });
    } finally {
      await guest.set({ freeze: "ok" });
    }
    expect(await at.source.standingCut(tracked, operation())).toBeUndefined();
    expect(await leftovers(at.connection, tracked)).toEqual([]);
    await writesOn(guest);
  });

  it("is given up when a hook of the guest hangs; the guest goes on, and crash-consistent cuts with it", async () => {
    const { tracked, guest } = await startGuest(at, { name: "stuck", address: 103, settings: { freeze: "hang" } });
    await expect(appCut(tracked)).rejects.toMatchObject({ code: "GUEST_FREEZE_FAILED" });
    expect(await at.source.standingCut(tracked, operation())).toBeUndefined();
    expect(await leftovers(at.connection, tracked)).toEqual([]);
    await writesOn(guest);
    expect((await cutOf(at.source, tracked)).description.consistency).toBe("crash-consistent");
    // The agent may get round to freezing yet: somebody on the host waits for it, whatever becomes of us.
    const watchdog = `kill -0 "$(cat "$1/source/stuck/thaw.pid")"`;
    await at.host.run(watchdog, [at.host.store]);
    await guest.destroy();
    await expect
      .poll(
        () =>
          at.host.run(watchdog, [at.host.store]).then(
            () => "waits",
            () => "gone",
          ),
        { timeout: 20_000, interval: 500 },
      )
      .toBe("gone");
  });

  it("leaves no guest frozen when the worker dies while it is", async () => {
    const { tracked, guest } = duo;
    const worker = new AbortController();
    const dead: typeof at.connection = {
      ...at.connection,
      // Lives until the guest is frozen, then nothing of it reaches the host any more.
      async run(script, args, options) {
        if (worker.signal.aborted) throw new Error("dead");
        const answer = await at.connection.run(script, args, options);
        if (options.purpose.startsWith("freeze")) worker.abort();
        return answer;
      },
      async monitor(...args) {
        if (worker.signal.aborted) throw new Error("dead");
        return at.connection.monitor(...args);
      },
      async virsh(...args) {
        if (worker.signal.aborted) throw new Error("dead");
        return at.connection.virsh(...args);
      },
    };
    const { createLibvirtSource } = await import("#platforms/libvirt/source/source.ts");
    const source = createLibvirtSource(dead, { store: at.host.store });
    await expect(
      source.cut({ tracked, cut: newCut(), consistency: "app-consistent", scratchPercent: 50 }, operation()),
    ).rejects.toThrow("dead");
    const { seq } = await guest.status();
    await expect.poll(async () => (await guest.status()).seq, { timeout: 15_000, interval: 200 }).toBeGreaterThan(seq);
  });

  it("is refused when the guest has no agent, with the cure", async () => {
    const { tracked, guest } = duo;
    await at.host.run(
      `virsh -q qemu-agent-command "$1" '{"execute":"guest-exec","arguments":{"path":"/bin/sh","arg":["-c","sleep 0.2; kill $(cat /run/qemu-ga.pid)"]}}'`,
      ["duo"],
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    const refused = await appCut(tracked).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "GUEST_FREEZE_FAILED" });
    expect(isFault(refused) && refused.message).toMatch(/Install and start qemu-guest-agent/);
    await writesOn(guest);
    expect((await cutOf(at.source, tracked)).description.consistency).toBe("crash-consistent");
  });
});

describe("the power of a machine", () => {
  it("is taken from an old primary at once, its own start with the host is forbidden, and given back by a lawful start", async () => {
    const { tracked, guest } = duo;
    const { machine, item } = tracked;
    await at.host.run('virsh -q autostart "$1"', ["duo"]);
    const autostart = async () =>
      /Autostart:\s+(\w+)/.exec((await at.host.run('virsh dominfo "$1"', ["duo"])).stdout)?.[1];
    expect(await at.source.fence({ item, machine, epoch: 7 }, operation())).toEqual({ wasRunning: true });
    expect(await guest.state()).toBe("shut off");
    expect(await autostart()).toBe("disable");
    expect(await at.source.fence({ item, machine, epoch: 7 }, { ...operation(), id: "another" })).toEqual({
      wasRunning: false,
    });
    await expect(at.source.fence({ item, machine, epoch: 3 }, operation())).rejects.toMatchObject({
      code: "STALE_EPOCH",
    });
    await expect(cutOf(at.source, tracked)).rejects.toMatchObject({ code: "STALE_EPOCH" });
    const mark = (await at.host.run('cat "$1"', [`${at.host.store}/fenced/${machine}.json`])).stdout;
    expect(JSON.parse(mark)).toMatchObject({ version: 1, item, machine, epoch: 7, autostart: true });
    const console = await guest.consoleMark();
    await at.source.powerOn(machine, operation());
    await at.source.powerOn(machine, operation());
    await guest.waitReady(console);
    expect(await autostart()).toBe("enable");
    await at.host.run('virsh -q autostart --disable "$1"', ["duo"]);
    await writesOn(guest);
  });

  it("is asked for first, and taken only when that is wished", async () => {
    const { tracked, guest } = duo;
    const { machine } = tracked;
    // A stopped processor hears neither its agent nor its power button.
    await at.host.run('virsh -q suspend "$1"', ["duo"]);
    await expect(at.source.shutDown({ machine, graceSeconds: 1, force: false }, operation())).rejects.toMatchObject({
      code: "SHUTDOWN_TIMED_OUT",
    });
    expect(await guest.state()).toBe("paused");
    expect(await at.source.shutDown({ machine, graceSeconds: 1, force: true }, operation())).toEqual({ forced: true });
    expect(await guest.state()).toBe("shut off");
    expect(await at.source.shutDown({ machine, graceSeconds: 1, force: false }, operation())).toEqual({
      forced: false,
    });
  });
});

describe("kinds of disks", () => {
  it.each([
    { name: "ahci", bus: "sata", address: 110 },
    { name: "scsi", bus: "scsi", address: 111 },
  ] as const)("on $bus are cut and tracked exactly", async ({ name, bus, address }) => {
    await using images = await imageFolder(at);
    // These guests load no driver but virtio's: the disk's content comes from the monitor.
    const guest = await createMachine({
      host: at.host,
      name,
      addresses: [at.address(address)],
      boot: "kernel",
      disks: [{}, { bus, sizeBytes: 128 * mebibyte }],
    });
    await at.host.run('virsh -q start "$1"', [name]);
    const all = await track(at.connection, name);
    const id = disk(all, 1);
    const tracked = { ...all, disks: [id] };
    const write = async (pattern: number, offset: string): Promise<void> => {
      const device = (
        await at.host.run(
          `virsh -q qemu-monitor-command "$1" '{"execute":"query-block"}' | tr '{' '\\n' | grep -o '"qdev":"[^"]*"' | cut -d'"' -f4`,
          [name],
        )
      ).stdout
        .trim()
        .split("\n")[1];
      await at.host.run('virsh -q qemu-monitor-command --hmp "$1" "qemu-io -d $2 \\"write -P $3 $4 256k\\""', [
        name,
        device ?? "",
        pattern.toString(),
        offset,
      ]);
    };
    const replica = images.file(`${name}-replica`);
    const whole = images.file(`${name}-whole`);
    await write(1, "1M");
    const first = (await cutOf(at.source, tracked)).description.id;
    await write(2, "1M");
    await write(3, "9M");
    await copyDisk(at.source, { tracked, cut: first, disk: id, file: replica });
    await at.source.release({ tracked, keep: [first] }, operation());
    const second = await cutOf(at.source, tracked);
    expect(second.trackedSince[id]).toEqual([first]);
    await write(4, "9M");
    const sent = await copyDisk(at.source, {
      tracked,
      cut: second.description.id,
      disk: id,
      since: first,
      file: replica,
    });
    expect(sent).toBe(512 * 1024 + 256 * 1024 - 256 * 1024);
    await copyDisk(at.source, { tracked, cut: second.description.id, disk: id, file: whole });
    expect(await compareImages(raw(replica), raw(whole))).toEqual({ same: true });
    await at.source.release({ tracked, keep: [] }, operation());
    expect(await leftovers(at.connection, tracked)).toEqual([]);
    expect(await guest.state()).toBe("running");
    // Both disks at once, whatever they hang on.
    const both = await cutOf(at.source, all);
    expect(both.description.disks).toHaveLength(2);
    await at.source.release({ tracked: all, keep: [] }, operation());
    await guest.destroy();
  });

  it("on an I/O thread are refused by checks and cut before anything is done: QEMU's NBD server would end the machine", async () => {
    const { connection, host, source } = at;
    const guest = await createMachine({ host, name: "iot", addresses: [at.address(112)], boot: "kernel" });
    await host.run(
      `virsh dumpxml --inactive iot | sed -e "s,<vcpu,<iothreads>1</iothreads><vcpu," -e "s,<driver name='qemu' type='qcow2',& iothread='1'," >/run/io.xml
virsh -q define /run/io.xml`,
    );
    await guest.start();
    const tracked = await track(connection, "iot");
    expect((await source.checks(tracked, operation())).find(({ name }) => name === "Disk vda")).toMatchObject({
      passed: false,
      code: "DISK_NOT_TRACKABLE",
    });
    await expect(cutOf(source, tracked)).rejects.toMatchObject({
      code: "DISK_NOT_TRACKABLE",
      message: expect.stringContaining("I/O thread") as string,
    });
    expect(await leftovers(connection, tracked)).toEqual([]);
    await writesOn(guest);
    await guest.destroy();
  });

  it("that cannot be tracked are all named by the checks, with the cure, and refused", async () => {
    await createMachine({
      host: at.host,
      name: "plain",
      addresses: [at.address(120)],
      boot: "kernel",
      disks: [{}, { format: "raw", sizeBytes: 64 * mebibyte }],
    });
    const tracked = await track(at.connection, "plain");
    const failed = (
      await at.source.checks({ ...tracked, disks: [...tracked.disks, "vdz" as DiskId] }, operation())
    ).filter(({ passed }) => !passed);
    expect(failed.map(({ name }) => name)).toContain("Disk vdb");
    expect(failed.map(({ name }) => name)).toContain("Disk vdz");
    expect(failed.find(({ name }) => name === "Disk vdb")).toMatchObject({
      code: "DISK_NOT_TRACKABLE",
      action: expect.stringContaining("qemu-img convert") as string,
    });
    await expect(cutOf(at.source, tracked)).rejects.toMatchObject({ code: "DISK_NOT_TRACKABLE" });
  });
});

describe("the inventory", () => {
  it("tells machines as they are, and helps with a name that is not there", async () => {
    const inventory = createLibvirtInventory(at.connection);
    const machines = await inventory.list(operation());
    expect(machines.map(({ name }) => name)).toEqual(expect.arrayContaining(["duo", "plain"]));
    const machine = await inventory.find("duo", operation());
    expect(machine).toMatchObject({
      name: "duo",
      firmware: "bios",
      tpm: false,
      disks: [
        { id: "vda", sizeBytes: 1024 * mebibyte, format: "qcow2" },
        { id: "vdb", sizeBytes: 256 * mebibyte, format: "qcow2" },
      ],
      adapters: [{ network: "br0" }],
    });
    expect(await inventory.find(machine.id, operation())).toEqual(machine);
    expect(await inventory.networks(operation())).toContain("br0");
    await expect(inventory.find("dou", operation())).rejects.toMatchObject({
      code: "MACHINE_NOT_FOUND",
      message: expect.stringContaining('Do you mean "duo"?') as string,
    });
  });

  it("keeps a screen's password to itself, which libvirt tells of a machine as it is started elsewhere", async () => {
    await at.host.run(
      `file=$(mktemp); trap 'rm -f "$file"' EXIT; virsh -q destroy "$1" || :; virsh dumpxml --inactive "$1" >"$file"
sed -i "s#</devices>#<graphics type='vnc' port='-1' passwd='swordfi'/></devices>#" "$file"
virsh -q define "$file"; virsh -q start "$1"`,
      ["plain"],
    );
    expect((await at.host.run('virsh dumpxml --migratable "$1"', ["plain"])).stdout).toContain("swordfi");
    const { definition } = await createLibvirtInventory(at.connection).find("plain", operation());
    expect(definition).toContain("<graphics");
    expect(definition).not.toContain("swordfi");
  });
});

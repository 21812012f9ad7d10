import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { instant, itemName, machineId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { fenceMachine, forgetFence, unfenceMachine } from "#platforms/libvirt/source/fence.ts";
import { giveAutostartBack, holdAutostart, startHeld } from "#platforms/libvirt/source/held-autostart.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";
import { shellHost } from "./shell-host.ts";

const request = { item: itemName("app1"), machine: machineId("m1") };
const { machine } = request;
const { signal } = new AbortController();

/** A host whose scripts are really run, in a boot that the test decides on, with one machine as libvirt has it. */
const hostIn = async (dir: string) => {
  const files = { boot: path.join(dir, "boot_id"), mark: path.join(dir, "store/held/m1.json") };
  const shell = await shellHost(dir, {
    cat: `if [ "\${1:-}" = /proc/sys/kernel/random/boot_id ]; then exec /bin/cat "${files.boot}"; fi; exec /bin/cat "$@"`,
  });
  const state = { running: true, autostart: true, defined: true, failing: "", done: [] as string[] };
  const virsh = ([command = "", , option]: readonly string[]): string => {
    if (!state.defined) throw new Fault("MACHINE_NOT_FOUND", "There is no machine m1.");
    if (command === state.failing) throw new Fault("HOST_UNREACHABLE", "The host does not answer.");
    if (command === "domstate") return state.running ? "running\n" : "shut off\n";
    if (command === "dominfo")
      return `Persistent:     yes\nAutostart:      ${state.autostart ? "enable" : "disable"}\n`;
    state.done.push([command, option].filter((word) => word !== undefined).join(" "));
    if (command === "autostart") state.autostart = option !== "--disable";
    if (command === "start") state.running = true;
    if (command === "destroy") state.running = false;
    return "";
  };
  const host: HostConnection = { ...shell, virsh: async (commands) => commands.map(virsh) };
  const boot = (id: string) => writeFile(files.boot, `${id}\n`);
  await boot("first");
  return {
    state,
    place: { host, store: path.join(dir, "store") },
    mark: async () => JSON.parse(await readFile(files.mark, "utf8")) as unknown,
    isHeld: () => existsSync(files.mark),
    /** The host restarts; it starts by itself what it starts by itself. */
    async restart(id: string) {
      await boot(id);
      state.running = state.autostart;
    },
  };
};

describe("the start of a machine with its host", () => {
  let dir: ReturnType<typeof temporaryDir>;
  let at: Awaited<ReturnType<typeof hostIn>>;
  beforeEach(async () => {
    dir = temporaryDir();
    at = await hostIn(dir.path);
  });
  afterEach(() => dir[Symbol.dispose]());
  const hold = () => holdAutostart(at.place, request, signal);
  const start = () => startHeld(at.place, request, signal);
  const giveBack = () => giveAutostartBack(at.place, machine, signal);
  const fence = () => fenceMachine(at.place, { ...request, epoch: 2, order: "one" }, signal);

  it("is written down before it is taken off: a crash in between leaves it on", async () => {
    at.state.failing = "autostart";
    await expect(hold()).rejects.toMatchObject({ code: "HOST_UNREACHABLE" });
    expect([at.isHeld(), at.state.autostart]).toEqual([true, true]);
    at.state.failing = "";
    expect(await hold()).toEqual({ startDue: false });
    expect(await at.mark()).toEqual({ version: 1, ...request, boot: "first" });
    expect(at.state.autostart).toBe(false);
  });

  it("is left alone where the host does not start it by itself", async () => {
    at.state.autostart = false;
    at.state.running = false;
    expect(await hold()).toEqual({ startDue: false });
    expect([at.isHeld(), at.state.done]).toEqual([false, []]);
  });

  it("is due after a restart of the host, once, and never of a machine that was shut down since", async () => {
    await hold();
    await at.restart("second");
    expect(at.state.running).toBe(false);
    expect(await hold()).toEqual({ startDue: true });
    expect(await start()).toEqual({ started: true });
    expect(await at.mark()).toMatchObject({ boot: "second" });
    at.state.running = false;
    expect(await hold()).toEqual({ startDue: false });
    expect(await start()).toEqual({ started: false });
    await at.restart("third");
    expect(await hold()).toEqual({ startDue: true });
  });

  it("is not due for what an earlier protection has left behind", async () => {
    await hold();
    await at.restart("second");
    const later = { ...request, since: instant(0) };
    expect(await holdAutostart(at.place, later, signal)).toEqual({ startDue: false });
    expect(await at.mark()).toEqual({ version: 1, ...later, boot: "second" });
    await at.restart("third");
    expect(await holdAutostart(at.place, later, signal)).toEqual({ startDue: true });
  });

  it("is not due of a machine that somebody has started by hand meanwhile", async () => {
    await hold();
    await at.restart("second");
    at.state.running = true;
    expect(await start()).toEqual({ started: false });
    at.state.running = false;
    expect(await hold()).toEqual({ startDue: false });
  });

  it("is taken over again when somebody gives it back to the host by hand", async () => {
    await hold();
    at.state.autostart = true;
    await hold();
    expect([at.isHeld(), at.state.autostart]).toEqual([true, false]);
  });

  it("is given back when that is asked for, as often as it is, and only where it was held", async () => {
    await hold();
    await giveBack();
    await giveBack();
    expect([at.isHeld(), at.state.autostart]).toEqual([false, true]);
    expect(at.state.done).toEqual(["autostart --disable", "autostart"]);
  });

  it("is nothing to give back of a machine that is not there any more", async () => {
    await hold();
    at.state.defined = false;
    await giveBack();
    expect(at.isHeld()).toBe(false);
  });

  it("is the fence's of a fenced machine: it is not started, and has it again when the fence is lifted", async () => {
    await hold();
    await fence();
    expect(at.isHeld()).toBe(false);
    await at.restart("second");
    expect(await hold()).toEqual({ startDue: false });
    expect(await start()).toEqual({ started: false });
    expect([at.state.running, at.state.autostart, at.isHeld()]).toEqual([false, false, false]);
    await unfenceMachine(at.place, machine, signal);
    expect(at.state.autostart).toBe(true);
  });

  it("stays off when the fenced machine becomes its owner's: another serves in its place", async () => {
    await hold();
    await fence();
    await forgetFence(at.place, machine, signal);
    await giveBack();
    expect([at.state.autostart, at.isHeld()]).toEqual([false, false]);
  });
});

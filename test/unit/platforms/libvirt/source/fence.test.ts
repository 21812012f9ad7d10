import { readdir } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { itemName, machineId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { fenceMachine, forgetFence, keepOn, takeFenceBack, unfenceMachine } from "#platforms/libvirt/source/fence.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";
import { shellHost } from "./shell-host.ts";

const machine = machineId("m1");
const { signal } = new AbortController();

/** A host whose scripts are really run, with one machine as libvirt has it; `onStart` is what happens while that is started. */
const hostIn = async (dir: string) => {
  const shell = await shellHost(dir, {});
  const state = { running: true, autostart: true, failing: "", onStart: async () => {} };
  const virsh = async ([command = "", , option]: readonly string[]): Promise<string> => {
    if (command === state.failing) throw new Fault("HOST_UNREACHABLE", "The host does not answer.");
    if (command === "domstate") return state.running ? "running\n" : "shut off\n";
    if (command === "dominfo")
      return `Persistent:     yes\nAutostart:      ${state.autostart ? "enable" : "disable"}\n`;
    if (command === "start") await state.onStart();
    if (command === "autostart") state.autostart = option !== "--disable";
    if (command === "start") state.running = true;
    if (command === "destroy") state.running = false;
    return "";
  };
  const host: HostConnection = { ...shell, virsh: (commands) => Promise.all(commands.map(virsh)) };
  const store = path.join(dir, "store");
  return { state, place: { host, store }, marks: () => readdir(path.join(store, "fenced")) };
};

describe("a fence that was taken back only by half", () => {
  let dir: ReturnType<typeof temporaryDir>;
  let at: Awaited<ReturnType<typeof hostIn>>;
  const fence = (epoch: number) =>
    fenceMachine(at.place, { item: itemName("app1"), machine, epoch, order: `order-${epoch}` }, signal);
  const takeBack = () =>
    takeFenceBack(at.place, machine, {
      signal,
      start: async () => {
        at.state.running = true;
      },
    });
  beforeEach(async () => {
    dir = temporaryDir();
    at = await hostIn(dir.path);
    await fence(2);
    at.state.failing = "autostart";
    await expect(takeBack()).rejects.toMatchObject({ code: "HOST_UNREACHABLE" });
    at.state.failing = "";
    expect(await at.marks()).toEqual(["m1.json.lifted"]);
  });
  afterEach(() => dir[Symbol.dispose]());
  /** Nothing is left that would start a machine which somebody has shut down since. */
  const startsNothing = async () => {
    at.state.running = false;
    expect(await takeBack()).toEqual({ started: false });
    expect([at.state.running, await at.marks()]).toEqual([false, []]);
  };

  it("goes on when the order is given again: the machine runs, and starts with its host", async () => {
    expect(await takeBack()).toEqual({ started: true });
    expect([at.state.running, at.state.autostart, await at.marks()]).toEqual([true, true, []]);
  });

  it("is over with the next fence, which knows what autostart was", async () => {
    await fence(3);
    expect(await at.marks()).toEqual(["m1.json"]);
    await startsNothing();
    expect(at.state.autostart).toBe(true);
  });

  it("is over with the machine's lawful start, which gives its autostart back", async () => {
    await unfenceMachine(at.place, machine, signal);
    expect(at.state.autostart).toBe(true);
    await startsNothing();
  });

  it("is over when the machine becomes its owner's again", async () => {
    await forgetFence(at.place, machine, signal);
    await startsNothing();
  });
});

describe("a machine that is kept on", () => {
  it("is off again where it was fenced while it was started", async () => {
    using dir = temporaryDir();
    const { state, place } = await hostIn(dir.path);
    state.running = false;
    state.onStart = async () => {
      // It finds the machine off, and has nothing to turn off.
      expect(await fenceMachine(place, { item: itemName("app1"), machine, epoch: 2, order: "one" }, signal)).toEqual({
        wasRunning: false,
      });
    };
    expect(await keepOn(place, machine, signal)).toEqual({ wasOff: false });
    expect(state.running).toBe(false);
  });

  it("is started where no fence is", async () => {
    using dir = temporaryDir();
    const { state, place } = await hostIn(dir.path);
    state.running = false;
    expect(await keepOn(place, machine, signal)).toEqual({ wasOff: true });
    expect(state.running).toBe(true);
  });
});

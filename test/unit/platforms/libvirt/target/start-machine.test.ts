import { describe, expect, it } from "vitest";
import { replicaId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { openStore } from "#platforms/libvirt/target/host-store.ts";
import { startMachine } from "#platforms/libvirt/target/start-machine.ts";
import { operation } from "#test/support/operation.ts";
import { storedActivation } from "#test/support/stored-replica.ts";

const { machine } = storedActivation();

/** A host with that machine and perhaps a fence on it; it writes down what is done to the machine. */
const hostWith = (state: { running: boolean; fence?: { readonly autostart: boolean } }) => {
  const done: string[] = [];
  const connection: HostConnection = {
    name: "lyon1",
    run: (_script, _args, { purpose }) => {
      if (purpose.startsWith("unfence")) done.push("unfence");
      const mark = purpose.startsWith("see whether") && state.fence !== undefined;
      return Promise.resolve({ stdout: mark ? JSON.stringify({ epoch: 1, ...state.fence }) : "", stderr: "" });
    },
    virsh: (commands) =>
      Promise.resolve(
        commands.map(([command = "", , option]) => {
          if (command === "domstate") return state.running ? "running\n" : "shut off\n";
          if (command === "dumpxml") return `<domain><name>app1</name><uuid>${machine}</uuid></domain>`;
          done.push([command, option].filter((word) => word !== undefined).join(" "));
          if (command === "start") state.running = true;
          return "";
        }),
      ),
    monitor: () => Promise.reject(new Error("not used")),
    openUnix: () => Promise.reject(new Error("not used")),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const store = openStore({ host: connection, store: "/store", replica: replicaId("app1@lyon") });
  return { place: { connection, store, folder: "/store" }, done };
};

describe("starting a machine that was failed over", () => {
  it.each([
    [true, "autostart"],
    [false, "autostart --disable"],
  ])(
    "lets its host start it by itself only if the other one did (%j), and not before it runs",
    async (autostart, order) => {
      const { place, done } = hostWith({ running: false });
      await startMachine(place, storedActivation({ autostart }), operation());
      expect(done).toEqual(["start", order]);
    },
  );

  it("lifts the fence of one that comes home, and what the machine had last counts, not what it had when it was fenced", async () => {
    const { place, done } = hostWith({ running: false, fence: { autostart: true } });
    await startMachine(place, storedActivation({ autostart: false }), operation());
    expect(done).toEqual(["autostart", "unfence", "start", "autostart --disable"]);
  });

  it("leaves autostart as it is where the point does not say", async () => {
    const { place, done } = hostWith({ running: false });
    await startMachine(place, storedActivation(), operation());
    expect(done).toEqual(["start"]);
  });

  it("ends what a worker left half-way: the machine runs and its host does not start it yet", async () => {
    const { place, done } = hostWith({ running: true });
    await startMachine(place, storedActivation({ autostart: true }), operation());
    expect(done).toEqual(["autostart"]);
  });

  it("lifts no fence for a test", async () => {
    const { place, done } = hostWith({ running: false, fence: { autostart: true } });
    await startMachine(place, storedActivation({ kind: "test" }), operation());
    expect(done).toEqual(["start"]);
  });
});

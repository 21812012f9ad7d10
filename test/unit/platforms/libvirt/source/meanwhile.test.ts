import { describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { whileOff, whileRunning } from "#platforms/libvirt/source/meanwhile.ts";

const unused = () => Promise.reject(new Error("not asked for"));

/** A machine that is found in that state; `gone`: its host cannot tell. */
const machine = (...states: readonly ("running" | "shut off" | "gone")[]) => {
  let looks = 0;
  const host: HostConnection = {
    name: "paris1",
    run: unused,
    monitor: unused,
    openUnix: unused,
    virsh: async () => {
      const state = states[Math.min(looks, states.length - 1)] ?? "gone";
      looks += 1;
      if (state === "gone") throw new Fault("HYPERVISOR_UNAVAILABLE", "libvirtd does not answer");
      return [`${state}\n`];
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { host, machine: "app1", signal: new AbortController().signal };
};
const failing = (code: FaultCode) => () => Promise.reject(new Fault(code, "the monitor's socket was closed"));

describe("work on a running machine", () => {
  it.each(["HYPERVISOR_UNAVAILABLE", "COMMAND_FAILED", "CONNECTION_LOST", "MACHINE_NOT_RUNNING"] as const)(
    "that ends in %s because the machine was shut off is told as that, and taken again",
    async (code) => {
      const told = whileRunning(machine("shut off"), failing(code));
      await expect(told).rejects.toMatchObject({ code: "CUT_BROKEN", cause: { code } });
      await expect(told).rejects.toThrow(/Machine app1 on host paris1 was shut off .* The cut is taken again/);
    },
  );

  it("that ends before libvirt has noticed that its QEMU did is told as that", async () => {
    const told = whileRunning(machine("running", "shut off"), failing("CONNECTION_LOST"));
    await expect(told).rejects.toMatchObject({ code: "CUT_BROKEN" });
  });

  it("that was started anew meanwhile is told as that", async () => {
    const told = whileRunning(machine("running"), failing("MACHINE_NOT_RUNNING"));
    await expect(told).rejects.toMatchObject({ code: "CUT_BROKEN" });
  });

  it.each(["running", "gone"] as const)("that fails with the machine %s is told as what it is", async (state) => {
    const told = whileRunning(machine(state), failing("HYPERVISOR_UNAVAILABLE"));
    await expect(told).rejects.toMatchObject({ code: "HYPERVISOR_UNAVAILABLE" });
  });

  it("that is refused to an older owner, or cancelled, is told as that", async () => {
    for (const code of ["STALE_EPOCH", "CANCELLED", "HOST_UNREACHABLE"] as const)
      await expect(whileRunning(machine("shut off"), failing(code))).rejects.toMatchObject({ code });
  });
});

describe("work on a machine that is off", () => {
  it.each(["TRACKING_LOST", "COMMAND_FAILED"] as const)(
    "that ends in %s because the machine was started is told as that",
    async (code) => {
      const told = whileOff(machine("running"), failing(code));
      await expect(told).rejects.toMatchObject({ code: "CUT_BROKEN" });
      await expect(told).rejects.toThrow(/was started while its disks were read/);
    },
  );

  it("that fails while it is off is told as what it is", async () => {
    const told = whileOff(machine("shut off"), failing("TRACKING_LOST"));
    await expect(told).rejects.toMatchObject({ code: "TRACKING_LOST" });
  });
});

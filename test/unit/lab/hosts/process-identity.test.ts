import { spawn } from "node:child_process";
import { once } from "node:events";

import { describe, expect, it } from "vitest";

import { identify, isAlive, signalProcess, waitForExit } from "#lab/hosts/process-identity.ts";

const startSleeper = () => {
  const child = spawn("sleep", ["60"]);
  if (child.pid === undefined) throw new Error("sleep did not start");
  return { child, pid: child.pid };
};

describe("a process identity", () => {
  it("is alive until the process has ended", async () => {
    const { child, pid } = startSleeper();
    const identity = await identify(pid);
    expect(await isAlive(identity)).toBe(true);
    child.kill("SIGKILL");
    expect(await waitForExit(identity, 5_000)).toBe(true);
    expect(await isAlive(identity)).toBe(false);
  });

  it("never signals another process that has the same number", async () => {
    const { child, pid } = startSleeper();
    const earlier = { ...(await identify(pid)), startTime: "1" };
    expect(await signalProcess(earlier, "SIGKILL")).toBe(false);
    expect(child.exitCode).toBeNull();
    expect(await isAlive(await identify(pid))).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
  });

  it("tells when a process did not end in time", async () => {
    const { child, pid } = startSleeper();
    expect(await waitForExit(await identify(pid), 30)).toBe(false);
    child.kill("SIGKILL");
    await once(child, "exit");
  });
});

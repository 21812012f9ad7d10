import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Host } from "#domain/configuration.ts";
import { findFault } from "#lab/faults/catalogue.ts";
import { command } from "#lab/hosts/command.ts";
import { configuredHost } from "#lab/hosts/configured-host.ts";
import { makeKey } from "#lab/hosts/host-files.ts";
import { startLab, type Lab } from "#lab/hosts/lab.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { connectHost } from "#platforms/libvirt/ssh/connect-host.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";
import { labId } from "./lab-id.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ id: labId("ssh") });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const inject = (name: string, ...args: readonly string[]): Promise<void> => findFault(name).inject(lab, args);
const say = async (connection: HostConnection, script: string, timeoutMs = 40_000): Promise<string> => {
  const signal = new AbortController().signal;
  return (await connection.run(script, [], { signal, timeoutMs, purpose: "answer" })).stdout.trim();
};
/** What a call is refused with, and after how many seconds. */
const refusal = async (call: Promise<unknown>): Promise<{ readonly error: unknown; readonly seconds: number }> => {
  const began = performance.now();
  const error = await call.then(
    (answer) => new Error(`It was answered: ${String(answer)}`),
    (reason: unknown) => reason,
  );
  return { error, seconds: (performance.now() - began) / 1_000 };
};

describe("a host behind a jump host", () => {
  let far: HostConnection;
  beforeAll(() => {
    const { address, port, user, hostKey, identityFile } = configuredHost(lab.host("paris1"));
    const jumpHost = { address, port, user, hostKey, ...(identityFile !== undefined && { identityFile }) };
    far = connectHost({ host: { ...configuredHost(lab.host("lyon1")), jumpHost } });
  });
  afterAll(() => far?.[Symbol.asyncDispose]());

  it("is reached from there, for scripts, virsh and sockets", async () => {
    expect(await say(far, "hostname")).toBe("lyon1");
    expect((await say(far, 'echo "$SSH_CONNECTION"')).split(" ")[0]).toBe(lab.host("paris1").address);
    const signal = new AbortController().signal;
    const bounds = { signal, timeoutMs: 10_000, purpose: "tell its name" };
    expect((await far.virsh([["hostname"]], bounds))[0]?.trim()).toBe("lyon1");
    const socket = await far.openUnix("/run/libvirt/libvirt-sock", signal);
    socket.destroy();
  });

  describe("when its site is cut off", () => {
    afterEach(() => inject("restore", "lyon"));

    it("is noticed to be gone within seconds in the middle of a command, told as unreachable, and used again afterwards", async () => {
      const running = refusal(say(far, "sleep 60", 90_000));
      await sleep(500);
      await inject("cut", "lyon");
      const lost = await running;
      expect(lost.error).toMatchObject({ code: expect.stringMatching(/^(CONNECTION_LOST|HOST_UNREACHABLE)$/) });
      expect(lost.seconds).toBeLessThan(15);
      const refused = await refusal(say(far, "hostname"));
      expect(refused.error).toMatchObject({
        code: "HOST_UNREACHABLE",
        message: expect.stringContaining("jump host"),
      });
      expect(refused.seconds).toBeLessThan(10);
      await inject("restore", "lyon");
      await expect.poll(() => say(far, "hostname").catch(() => "unreachable"), { timeout: 20_000 }).toBe("lyon1");
    });
  });

  it("is told as unreachable while the jump host is down, and used again when that is back", async () => {
    expect(await say(far, "hostname")).toBe("lyon1");
    await lab.host("paris1").crash();
    try {
      const { error, seconds } = await refusal(say(far, "hostname"));
      expect(error).toMatchObject({ code: expect.stringMatching(/^(CONNECTION_LOST|HOST_UNREACHABLE)$/) });
      expect(seconds).toBeLessThan(20);
    } finally {
      await lab.host("paris1").start();
    }
    await expect.poll(() => say(far, "hostname").catch(() => "unreachable"), { timeout: 20_000 }).toBe("lyon1");
  });
});

describe("a login by an SSH agent", () => {
  it("needs no key file, and says what to do when the agent has no key that the host knows", async () => {
    using dir = temporaryDir();
    const agentSocket = path.join(dir.path, "agent");
    await using agent = runAgent(agentSocket);
    const { identityFile = "", ...host } = configuredHost(lab.host("lyon1"));
    const login = async (at: Host): Promise<string> => {
      await using connection = connectHost({ host: at, agentSocket });
      return await say(connection, "hostname");
    };
    await agent.serves();
    const other = path.join(dir.path, "other");
    await makeKey(other, "nobody's");
    await agent.add(other);
    await expect(login(host)).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
    await agent.add(identityFile);
    expect(await login(host)).toBe("lyon1");
  });
});

const runAgent = (socket: string) => {
  const ended = new AbortController();
  const agent = command(["ssh-agent", "-D", "-a", socket], { signal: ended.signal }).catch((error: unknown) => {
    if (!ended.signal.aborted) throw error;
  });
  const env = { SSH_AUTH_SOCK: socket };
  return {
    async serves() {
      await expect.poll(() => existsSync(socket), { timeout: 5_000 }).toBe(true);
    },
    add: (file: string) => command(["ssh-add", "-q", file], { env }),
    async [Symbol.asyncDispose]() {
      ended.abort();
      await agent;
    },
  };
};

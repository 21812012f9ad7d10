import { chmod, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import ssh2 from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Host } from "#domain/configuration.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { connectHost } from "#platforms/libvirt/ssh/connect-host.ts";
import { startSshServer, type SshServer } from "./ssh-server.ts";

let server: SshServer;
let connection: HostConnection;
beforeAll(async () => {
  server = await startSshServer();
  connection = connectHost({ host: server.host });
});
afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const bounds = (
  change: { readonly signal?: AbortSignal; readonly timeoutMs?: number; readonly stdin?: string } = {},
) => ({
  signal: new AbortController().signal,
  timeoutMs: 8_000,
  purpose: "test it",
  ...change,
});
const runOn = async (host: Host, agentSocket = ""): Promise<unknown> => {
  await using one = connectHost({ host, agentSocket });
  return await one.run("true", [], bounds()).catch((error: unknown) => error);
};

describe("logging in", () => {
  it("happens when it is first needed, and once", async () => {
    expect(server.logins()).toBe(0);
    await Promise.all([connection.run("true", [], bounds()), connection.virsh([["domstate", "a"]], bounds())]);
    await connection.run("true", [], bounds());
    expect(server.logins()).toBe(1);
  });

  it("is refused by us when the host shows another key than the pinned one", async () => {
    const before = server.logins();
    const other = ssh2.utils.generateKeyPairSync("ed25519").public;
    expect(await runOn({ ...server.host, hostKey: other })).toMatchObject({ code: "HOST_KEY_MISMATCH" });
    const otherType = ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 }).public;
    expect(await runOn({ ...server.host, hostKey: otherType })).toMatchObject({ code: "HOST_KEY_MISMATCH" });
    expect(await runOn({ ...server.host, hostKey: "ssh-ed25519 AAAA" })).toMatchObject({ code: "CONFIG_INVALID" });
    expect(server.logins()).toBe(before);
  });

  it("is refused by the host for a key it does not know", async () => {
    const file = path.join(server.folder, "stranger");
    await writeFile(file, ssh2.utils.generateKeyPairSync("ed25519").private, { mode: 0o600 });
    expect(await runOn({ ...server.host, identityFile: file })).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      message: expect.stringContaining("authorized_keys") as string,
    });
  });

  it("wants a private key that only its owner can read, whole, and without a passphrase", async () => {
    const write = async (name: string, text: string): Promise<Host> => {
      const file = path.join(server.folder, name);
      await writeFile(file, text, { mode: 0o600 });
      return { ...server.host, identityFile: file };
    };
    const open = await write("open", ssh2.utils.generateKeyPairSync("ed25519").private);
    await chmod(open.identityFile ?? "", 0o640);
    expect(await runOn(open)).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      message: expect.stringContaining("chmod 600") as string,
    });
    const locked = ssh2.utils.generateKeyPairSync("ed25519", {
      passphrase: "secret",
      cipher: "aes256-cbc",
      rounds: 1,
    }).private;
    expect(await runOn(await write("locked", locked))).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      message: expect.stringContaining("ssh-add") as string,
    });
    for (const host of [await write("garbage", "no key"), { ...server.host, identityFile: "/no/such/file" }])
      expect(await runOn(host)).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    const { identityFile: _, ...nothing } = server.host;
    expect(await runOn(nothing)).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      message: expect.stringContaining("SSH_AUTH_SOCK") as string,
    });
  });

  it("says when nobody is there", async () => {
    expect(await runOn({ ...server.host, port: 1 })).toMatchObject({ code: "HOST_UNREACHABLE" });
  });
});

describe("a host behind a jump host", () => {
  let jump: SshServer;
  beforeAll(async () => {
    jump = await startSshServer();
  });
  afterEach(() => {
    jump.forwarding = "works";
    vi.useRealTimers();
  });
  afterAll(() => jump[Symbol.asyncDispose]());
  const behind = (change: Partial<Host> = {}): HostConnection => {
    const { address, port, user, hostKey, identityFile } = jump.host;
    const jumpHost = { address, port, user, hostKey, ...(identityFile !== undefined && { identityFile }) };
    return connectHost({ host: { ...server.host, jumpHost, ...change } });
  };

  it("is reached through it, and its own key is what counts", async () => {
    await using far = behind();
    expect((await far.run("echo here", [], bounds())).stdout).toBe("here\n");
    await using other = behind({ hostKey: ssh2.utils.generateKeyPairSync("ed25519").public });
    await expect(other.run("true", [], bounds())).rejects.toMatchObject({ code: "HOST_KEY_MISMATCH" });
  });

  it("is told as unreachable from there when it refuses", async () => {
    jump.forwarding = "refused";
    await using far = behind();
    await expect(far.run("true", [], bounds())).rejects.toMatchObject({
      code: "HOST_UNREACHABLE",
      message: expect.stringContaining("The jump host paris1's jump host cannot reach host paris1") as string,
    });
  });

  it("is given up after some seconds when nothing is heard from there, and tried anew by the next call", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    jump.forwarding = "silent";
    const before = jump.forwards();
    await using far = behind();
    const refused = far.run("true", [], bounds({ timeoutMs: 60_000 })).catch((error: unknown) => error);
    await vi.waitUntil(() => jump.forwards() > before);
    await vi.advanceTimersByTimeAsync(8_000);
    expect(await refused).toMatchObject({
      code: "HOST_UNREACHABLE",
      message: expect.stringContaining("has not reached host paris1") as string,
    });
    vi.useRealTimers();
    jump.forwarding = "works";
    expect((await far.run("echo here", [], bounds())).stdout).toBe("here\n");
  });
});

describe("a script", () => {
  it.each([
    "plain",
    "two words",
    "it's",
    '"',
    "$HOME `id` $(id)",
    "a\nb",
    "\\",
    "*",
    "-n",
    "",
    "é 日本",
    "'; exit 7; '",
  ])("gets its argument %j exactly", async (argument) => {
    const { stdout } = await connection.run(`printf '%s|' "$@"`, [argument, "last"], bounds());
    expect(stdout).toBe(`${argument}|last|`);
  });

  it("gets its input, or none at all", async () => {
    expect((await connection.run("cat", [], bounds({ stdin: "line 1\n'quoted' $x\n" }))).stdout).toBe(
      "line 1\n'quoted' $x\n",
    );
    expect((await connection.run("cat; echo end", [], bounds())).stdout).toBe("end\n");
  });

  it.each([
    [
      "echo 'Could not chdir to home directory /nonexistent: No such file' >&2; echo This account is currently not available.; exit 1",
      /This account is currently not available\. The user that the worker logs in as may run no commands/,
    ],
    ["exit 1", /ended at once with code 1 and said only: Welcome to this host\. Configure root/],
  ])("of a user without a shell is refused for want of rights (%j)", async (shell, says) => {
    server.shell = shell;
    try {
      const fresh = connectHost({ host: server.host });
      await using _closed = fresh;
      const refused = fresh.virsh([["domstate", "a"]], bounds());
      await expect(refused).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
      await expect(refused).rejects.toThrow(says);
    } finally {
      server.shell = undefined;
    }
  });

  it("that fails is told with its exit code and what it said", async () => {
    await expect(connection.run("echo out; echo 'disk on fire' >&2; exit 3", [], bounds())).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: "Host paris1 could not test it: disk on fire.",
      details: { exitCode: 3, stderr: "disk on fire", stdout: "out\n" },
    });
    await expect(connection.run("echo 'x: Permission denied' >&2; exit 1", [], bounds())).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
    await expect(
      connection.run("echo 'write: No space left on device' >&2; exit 1", [], bounds()),
    ).rejects.toMatchObject({
      code: "STORE_FULL",
    });
  });

  it("ends in time: by its time-out, and at once when cancelled, and what it had started ends with it", async () => {
    const file = path.join(server.folder, "late");
    const began = performance.now();
    await expect(connection.run(`sleep 1; echo late >"$1"`, [file], bounds({ timeoutMs: 100 }))).rejects.toMatchObject({
      code: "COMMAND_TIMED_OUT",
    });
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 100);
    await expect(connection.run("sleep 60", [], bounds({ signal: cancel.signal }))).rejects.toMatchObject({
      code: "CANCELLED",
    });
    expect(performance.now() - began).toBeLessThan(900);
    await expect(connection.run(`sleep 1.2; cat "$1"`, [file], bounds())).rejects.toMatchObject({
      code: "COMMAND_FAILED",
    });
  });

  it("does not wait for what it leaves running in the background", async () => {
    const began = performance.now();
    await connection.run("setsid sleep 3 </dev/null >/dev/null 2>&1 & echo started", [], bounds());
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  it("waits its turn when more are asked for than the host's sshd allows sessions", async () => {
    const before = server.logins();
    const all = Array.from({ length: 30 }, (_, index) => connection.run(`sleep 0.02; echo ${index}`, [], bounds()));
    expect((await Promise.all(all)).map(({ stdout }) => Number(stdout))).toEqual(
      Array.from({ length: 30 }, (_, index) => index),
    );
    expect(server.logins()).toBe(before);
  });

  it("that may take hours waits its turn among its kind, and leaves room for the others", async () => {
    await using fresh = connectHost({ host: server.host });
    const end = new AbortController();
    const begun = path.join(server.folder, "begun");
    const refused = (["copy", "merge"] as const).flatMap((lasting) =>
      Array.from({ length: 6 }, () =>
        fresh
          .run(`echo ${lasting} >>"$1"; sleep 60`, [begun], {
            ...bounds({ signal: end.signal, timeoutMs: 60_000 }),
            lasting,
          })
          .catch((error: unknown) => error),
      ),
    );
    await vi.waitFor(async () => expect((await readFile(begun, "utf8")).trim().split("\n").length).toBe(3));
    expect((await fresh.run("echo here", [], bounds({ timeoutMs: 2_000 }))).stdout).toBe("here\n");
    expect((await readFile(begun, "utf8")).trim().split("\n").toSorted()).toEqual(["copy", "merge", "merge"]);
    end.abort();
    for (const fault of await Promise.all(refused)) expect(fault).toMatchObject({ code: "CANCELLED" });
    const inTurn = ["1", "2", "3"].map((each) =>
      fresh.run(`echo ${each}; sleep 0.02`, [], { ...bounds(), lasting: "copy" }),
    );
    expect((await Promise.all(inTurn)).map(({ stdout }) => stdout)).toEqual(["1\n", "2\n", "3\n"]);
  });
});

describe("virsh", () => {
  it("runs commands in order, takes any word as it is, and stops at the first that fails", async () => {
    const name = `it's "one"; $x \\ # é`;
    expect(
      await connection.virsh(
        [
          ["domstate", name],
          ["domstate", "b"],
        ],
        bounds(),
      ),
    ).toEqual([`state of ${name}\n`, "state of b\n"]);
    await expect(
      connection.virsh(
        [
          ["domstate", "gone"],
          ["domstate", "hang"],
        ],
        bounds(),
      ),
    ).rejects.toMatchObject({
      code: "MACHINE_NOT_FOUND",
    });
    await expect(connection.virsh([["bogus"]], bounds())).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringContaining("unknown command: 'bogus'") as string,
    });
    await expect(connection.virsh([["domstate", "a\nb"]], bounds())).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(await connection.virsh([["domstate", "a"]], bounds())).toEqual(["state of a\n"]);
  });

  it("takes its talk of having reconnected to libvirtd for no failure", async () => {
    expect(await connection.virsh([["domstate", "reconnect"]], bounds())).toEqual(["running\n"]);
  });

  it("does not take a machine for gone when libvirtd died while it was looked for", async () => {
    const states = [
      ["domstate", "lost"],
      ["domstate", "b"],
    ];
    expect(await connection.virsh(states, bounds())).toEqual(["running\n", "state of b\n"]);
  });

  it("that ends says why, and the next command has a new one", async () => {
    await expect(connection.virsh([["domstate", "die"]], bounds())).rejects.toMatchObject({
      code: "HYPERVISOR_UNAVAILABLE",
    });
    expect(await connection.virsh([["domstate", "a"]], bounds())).toEqual(["state of a\n"]);
  });

  it("that hangs is given up in time, and holds nothing else up", async () => {
    const hanging = connection
      .virsh([["domstate", "hang"]], bounds({ timeoutMs: 300 }))
      .catch((error: unknown) => error);
    expect(await connection.virsh([["domstate", "a"]], bounds())).toEqual(["state of a\n"]);
    expect(await hanging).toMatchObject({ code: "COMMAND_TIMED_OUT" });
  });

  it("carries QMP both ways, and QEMU's refusals as failures", async () => {
    const command = { execute: "query", arguments: { name: "日本 'x'" } };
    expect(await connection.monitor("app1", [command], bounds())).toEqual([command]);
    await expect(connection.monitor("app1", [{ execute: "bad" }, command], bounds())).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringContaining("QEMU refuses bad: no such node") as string,
      details: { execute: "bad", qmpClass: "GenericError", qmpError: "no such node" },
    });
  });
});

describe("a connection that breaks", () => {
  it("is made again for the next call", async () => {
    await connection.run("true", [], bounds());
    const before = server.logins();
    server.dropAll();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await connection.run("echo back", [], bounds())).stdout).toBe("back\n");
    expect(server.logins()).toBe(before + 1);
  });

  it("fails what was under way: whether it was done is not known", async () => {
    await connection.run("true", [], bounds());
    const under = connection.run("sleep 5", [], bounds()).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 100));
    server.dropAll();
    expect(await under).toMatchObject({
      code: "HOST_UNREACHABLE",
      message: expect.stringContaining("whether that was done is not known") as string,
    });
  });
});

describe("a socket on the host", () => {
  it("is reached as a stream, which ends with its signal", async () => {
    const socket = path.join(server.folder, "echo.sock");
    const echo = createServer((client) => client.pipe(client));
    await new Promise<void>((resolve) => echo.listen(socket, resolve));
    const end = new AbortController();
    const stream = await connection.openUnix(socket, end.signal);
    stream.write("hello");
    expect(String(await new Promise((resolve) => stream.once("data", resolve)))).toBe("hello");
    const closed = new Promise((resolve) => stream.once("close", resolve));
    end.abort();
    await closed;
    await expect(connection.openUnix(`${socket}.gone`, new AbortController().signal)).rejects.toMatchObject({
      code: "COMMAND_FAILED",
    });
    await new Promise((resolve) => echo.close(resolve));
  });
});

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile, rm } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { machineId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { whileFrozen } from "#platforms/libvirt/source/freeze.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";
import { shellHost } from "./shell-host.ts";

const machine = machineId("0c7a4a51-5c5f-4b43-9a1a-0f6f4c1f7c11");
const never = new AbortController().signal;
/** A guest with an agent: `hangs` while a hook of its does, `frozen` when its file systems are. `freezing` makes the next freeze hang in a hook. */
const virsh = `
cd "\${0%/*}"
case "$*" in
  *domstate*) [ -e off ] && echo "shut off" || echo running; exit 0 ;;
esac
if [ -e hangs ]; then echo "error: Guest agent is not responding" >&2; exit 1; fi
case "$*" in
  *fsfreeze-freeze*)
    if [ -e freezing ]; then mv freezing hangs; exit 1; fi
    [ ! -e frozen ] || exit 1
    touch frozen ;;
  *fsfreeze-thaw*) rm -f frozen ;;
  *fsfreeze-status*) [ -e frozen ] && echo '{"return":"frozen"}' || echo '{"return":"thawed"}' ;;
esac`;

let dir: ReturnType<typeof temporaryDir>;
let host: HostConnection;
const file = (name: string): string => path.join(dir.path, name);
const pidfile = (): string => file("item/thaw.pid");

beforeEach(async () => {
  dir = temporaryDir();
  host = await shellHost(dir.path, { virsh });
});
afterEach(async () => {
  // Whatever still waits for this guest ends: it is off, and answers.
  await writeFile(file("off"), "");
  await rm(file("hangs"), { force: true });
  await expect.poll(() => existsSync(pidfile()), { timeout: 5_000, interval: 20 }).toBe(false);
  dir[Symbol.dispose]();
});

const freeze = (limitSeconds: number, work: () => Promise<void> = () => Promise.resolve()) =>
  whileFrozen(host, { machine, folder: file("item"), limitSeconds }, never, work);

it("holds the guest frozen while the instant is taken, thaws it, and leaves nobody waiting", async () => {
  let during = false;
  await freeze(10, () => {
    during = existsSync(file("frozen"));
    return Promise.resolve();
  });
  expect(during).toBe(true);
  expect(existsSync(file("frozen"))).toBe(false);
  expect(existsSync(pidfile())).toBe(false);
});

it("thaws a guest whose hook ends after a second attempt was refused, too", async () => {
  await writeFile(file("freezing"), "");
  await expect(freeze(0.2)).rejects.toMatchObject({ code: "GUEST_FREEZE_FAILED" });
  await expect(freeze(0.2)).rejects.toMatchObject({ code: "GUEST_FREEZE_FAILED" });
  // The hook ends at last, and the freeze that nobody waits for any more is carried out.
  await writeFile(file("frozen"), "");
  await rm(file("hangs"));
  await expect.poll(() => existsSync(file("frozen")), { timeout: 3_000, interval: 20 }).toBe(false);
  // Whoever has done so is gone, and its number with it.
  await expect.poll(() => existsSync(pidfile()), { timeout: 3_000, interval: 20 }).toBe(false);
});

it("calls the earlier attempt's watchdog off once its own stands, so that no instant is thawed by another's", async () => {
  await writeFile(file("freezing"), "");
  await expect(freeze(10)).rejects.toMatchObject({ code: "GUEST_FREEZE_FAILED" });
  const earlier = Number(await readFile(pidfile(), "utf8"));
  await rm(file("hangs"));
  expect(await programOf(earlier)).toContain("understudy-thaw");
  await freeze(10, async () => {
    await expect.poll(() => programOf(earlier), { timeout: 3_000, interval: 5 }).toBe("");
  });
});

it("says what the guest's agent answered, and nothing of an earlier watchdog that is gone", async () => {
  await mkdir(file("item"));
  // No process has such a number.
  await writeFile(pidfile(), "4194305");
  await writeFile(file("freezing"), "");
  // The agent of this guest refuses without a word.
  await expect(freeze(0.2)).rejects.toMatchObject({ code: "GUEST_FREEZE_FAILED", cause: { stderr: "" } });
});

it("never ends a process that was given a dead watchdog's number", async () => {
  using foreign = somebodyElse();
  await mkdir(file("item"));
  await writeFile(pidfile(), String(foreign.pid));
  let own = 0;
  await freeze(0.2, async () => {
    own = Number(await readFile(pidfile(), "utf8"));
    await writeFile(pidfile(), String(foreign.pid));
  });
  expect(existsSync(file("frozen"))).toBe(false);
  // Its own ends by itself.
  await expect.poll(() => programOf(own), { timeout: 3_000, interval: 20 }).toBe("");
  expect(foreign.alive()).toBe(true);
});

/** What runs under that number; nothing for one that has ended, collected by its parent or not. */
const programOf = (pid: number): Promise<string> =>
  readFile(`/proc/${String(pid)}/cmdline`, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ESRCH") return "";
    throw error;
  });

/** A process group that is no business of ours. */
const somebodyElse = () => {
  const child = spawn("sleep", ["30"], { detached: true, stdio: "ignore" });
  return {
    pid: child.pid ?? 0,
    alive: () => child.exitCode === null && child.signalCode === null,
    [Symbol.dispose]: () => {
      child.kill();
    },
  };
};

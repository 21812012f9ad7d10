import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { Fault } from "#domain/fault.ts";
import { findProgram } from "#lab/bootstrap/find-program.ts";

/** A program that serves until disposed. */
export interface Serving extends AsyncDisposable {
  readonly pid: number;
}

export async function serve(command: readonly string[], ready: () => Promise<boolean>): Promise<Serving> {
  const [program = "", ...args] = command;
  const child = execa(program, args, { reject: false, stdin: "ignore" });
  let ended = false;
  const exit = child.then((result) => {
    ended = true;
    return result;
  });
  for (let attempt = 0; !(await ready()); attempt += 1) {
    if (ended || attempt > 500)
      throw new Fault(
        "COMMAND_FAILED",
        `${program} did not start${ended ? `: ${(await exit).stderr}` : " to listen"}.`,
      );
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child;
    },
  };
}

/** The wall-clock seconds of a whole program, as its user sees it. */
export async function timed(command: readonly string[]): Promise<number> {
  const [program = "", ...args] = command;
  const started = performance.now();
  await execa(program, args);
  return (performance.now() - started) / 1_000;
}

const needed = {
  nbdcopy: "libnbd-bin",
  nbdkit: "nbdkit",
  "qemu-img": "qemu-utils",
  "qemu-nbd": "qemu-utils",
  zstd: "zstd",
  openssl: "openssl",
  mke2fs: "e2fsprogs",
  cmp: "diffutils",
};

/** Rejects with `PREREQUISITES_FAILED`, naming the command that cures it. */
export function requirePeers(): void {
  const missing = Object.entries(needed).filter(([program]) => findProgram(program) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))].join(" ");
  throw new Fault(
    "PREREQUISITES_FAILED",
    `The benchmark needs ${missing.map(([program]) => program).join(", ")}. Run: apt-get install ${packages}`,
  );
}

export async function peerVersions(): Promise<Readonly<Record<string, string>>> {
  const versions: Record<string, string> = { node: process.version };
  for (const program of ["nbdcopy", "nbdkit", "qemu-img", "zstd"]) {
    const { stdout } = await execa(program, ["--version"]);
    versions[program] = /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0] ?? stdout;
  }
  return versions;
}

/** Certificates for nbdkit under the name `localhost`, which is the name nbdcopy's users connect to. Answers their folder. */
export async function nbdkitCertificates(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await execa("openssl", [
    "req",
    "-x509",
    ...key,
    "-keyout",
    at("ca-key.pem"),
    "-out",
    at("ca-cert.pem"),
    "-subj",
    "/CN=bench",
    "-days",
    "2",
  ]);
  await execa("openssl", [
    "req",
    "-x509",
    ...key,
    "-keyout",
    at("server-key.pem"),
    "-out",
    at("server-cert.pem"),
    "-subj",
    "/CN=localhost",
    "-days",
    "2",
    "-addext",
    "subjectAltName=DNS:localhost",
    "-addext",
    "basicConstraints=critical,CA:FALSE",
    "-CA",
    at("ca-cert.pem"),
    "-CAkey",
    at("ca-key.pem"),
  ]);
  return folder;
}

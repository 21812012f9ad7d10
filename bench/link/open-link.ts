import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { Fault } from "#domain/fault.ts";
import { cacheFolder } from "#lab/bootstrap/cache-folder.ts";
import { requireGo } from "#lab/bootstrap/go.ts";

export interface LinkSettings {
  readonly mbitPerSecond: number;
  readonly oneWayMs: number;
}

/** Two namespaces with a slow, long link between them. Disposing removes them. */
export interface Link extends AsyncDisposable {
  /** What runs a program at one end: put before its own name and arguments. */
  readonly near: readonly string[];
  readonly far: readonly string[];
  readonly nearAddress: string;
  readonly farAddress: string;
}

/** Needs root (`PERMISSION_DENIED` otherwise) and Go, which builds the link's program once into the user's cache. */
export async function openLink({ mbitPerSecond, oneWayMs }: LinkSettings): Promise<Link> {
  if (process.getuid?.() !== 0) {
    throw new Fault(
      "PERMISSION_DENIED",
      "A link between network namespaces can only be made by root. Run: sudo npm run bench transfer",
    );
  }
  const program = await buildLink();
  const [near, far] = [`us-bench-${process.pid}-a`, `us-bench-${process.pid}-b`];
  const undo: (() => Promise<unknown>)[] = [];
  const dispose = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    for (const name of [near, far]) {
      await execa("ip", ["netns", "add", name]);
      undo.push(() => execa("ip", ["netns", "del", name], { reject: false }));
      await execa("ip", ["-n", name, "link", "set", "lo", "up"]);
    }
    // Twice what the link holds: a router's queue of decent size.
    const queueBytes = Math.round(((mbitPerSecond * 1e6) / 8) * ((oneWayMs * 4) / 1_000));
    const link = execa(program, [near, far, `${mbitPerSecond}`, `${oneWayMs}`, `${queueBytes}`], { reject: false });
    undo.push(async () => {
      link.kill("SIGTERM");
      await link;
    });
    await Promise.race([
      new Promise((resolve) => link.stdout.once("data", resolve)),
      link.then((ended) => {
        throw new Fault("COMMAND_FAILED", `The benchmark's link did not come up: ${ended.stderr}`);
      }),
    ]);
    for (const [name, address] of [
      [near, "10.78.0.1/24"],
      [far, "10.78.0.2/24"],
    ] as const) {
      await execa("ip", ["-n", name, "addr", "add", address, "dev", "wan0"]);
      await execa("ip", ["-n", name, "link", "set", "wan0", "mtu", "1500", "txqueuelen", "2000", "up"]);
    }
  } catch (cause) {
    await dispose();
    throw cause;
  }
  return {
    near: ["ip", "netns", "exec", near],
    far: ["ip", "netns", "exec", far],
    nearAddress: "10.78.0.1",
    farAddress: "10.78.0.2",
    [Symbol.asyncDispose]: dispose,
  };
}

async function buildLink(): Promise<string> {
  const source = join(import.meta.dirname, "main.go");
  const digest = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16);
  const program = cacheFolder("bench", `link-${digest}`);
  if (existsSync(program)) return program;
  const go = await requireGo("It builds the slow link that the benchmark runs over");
  await execa("mkdir", ["-p", dirname(program)]);
  await execa(go, ["build", "-o", program, "."], { cwd: import.meta.dirname, env: { CGO_ENABLED: "0" } });
  return program;
}

import { execa } from "execa";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "#domain/fault.ts";
import { cacheFolder } from "./cache-folder.ts";
import { findProgram, isExecutable } from "./find-program.ts";
import { requireGo } from "./go.ts";
import type { Progress } from "./progress.ts";

/** Newer releases of the CLI cannot be built by `go install`: their go.mod has a `replace` directive. */
const builtVersion = "1.5.1";
/** The first server that has everything the workflows use (updates, worker deployments). */
const oldestServer = "1.29.0";

/**
 * Answers the path of Temporal's CLI with the dev server: the one on PATH when it is new enough, else the one built earlier, else builds it through the
 * Go module proxy (two to three minutes on two cores, once per user). Rejects with `PREREQUISITES_FAILED`, naming the cure.
 */
export const ensureTemporal = async (options: {
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}): Promise<string> => {
  const onPath = findProgram("temporal");
  if (onPath !== undefined) {
    const version = await serverVersionOf(onPath);
    if (version !== undefined && isAtLeast(version, oldestServer)) return onPath;
    options.progress(
      `The temporal on PATH (${onPath}) brings server ${version ?? "unknown"}; ${oldestServer} or newer is needed, so another is used.`,
    );
  }
  if (!isExecutable(builtTemporal())) await build(options);
  return builtTemporal();
};

/** Where `ensureTemporal` keeps what it built. */
export const builtTemporal = (): string => cacheFolder(`temporal-${builtVersion}`, "temporal");

const build = async (options: { readonly progress: Progress; readonly signal?: AbortSignal }): Promise<void> => {
  const go = await requireGo(
    "Temporal's server is built with Go, once; or put a `temporal` CLI 1.5 or newer on PATH (https://docs.temporal.io/cli)",
  );
  await mkdir(cacheFolder(), { recursive: true });
  const scratch = await mkdtemp(cacheFolder(".temporal-"));
  try {
    options.progress(`Building Temporal ${builtVersion} with Go (two to three minutes, once per user) …`);
    const started = Date.now();
    const install = execa(go, ["install", "-v", `github.com/temporalio/cli/cmd/temporal@v${builtVersion}`], {
      env: { GOBIN: scratch, GOFLAGS: "" },
      stdin: "ignore",
      all: true,
      reject: false,
      ...(options.signal ? { cancelSignal: options.signal } : {}),
    });
    let packages = 0;
    install.all.on("data", (chunk: Buffer) => {
      packages += chunk.toString().split("\n").length - 1;
    });
    const ticker = setInterval(() => {
      const seconds = Math.round((Date.now() - started) / 1000);
      options.progress(`  … building Temporal: ${packages} packages so far, ${seconds} s`);
    }, 10_000);
    const result = await install.finally(() => clearInterval(ticker));
    if (result.exitCode !== 0) {
      throw new Fault(
        "PREREQUISITES_FAILED",
        `Go could not build Temporal's CLI: ${result.all.trim().split("\n").slice(-4).join(" ")}. Check the way to the module proxy (go env GOPROXY), then run this again.`,
      );
    }
    await publish(scratch);
    options.progress(
      `Temporal is built (${Math.round((Date.now() - started) / 1000)} s) and kept at ${builtTemporal()}.`,
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

/** By rename, so that a half-written program is never found. */
const publish = async (scratch: string): Promise<void> => {
  await mkdir(cacheFolder(`temporal-${builtVersion}`), { recursive: true });
  await rename(join(scratch, "temporal"), builtTemporal());
};

/** Of `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)`; the CLI's own version reads 0.0.0-DEV when it was built by `go install`. */
const serverVersionOf = async (program: string): Promise<string | undefined> => {
  const { stdout } = await execa(program, ["--version"], { reject: false, timeout: 10_000 });
  return /Server v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
};

/** Compares dotted versions number by number. */
export const isAtLeast = (version: string, oldest: string): boolean => {
  const have = version.split(".").map(Number);
  const need = oldest.split(".").map(Number);
  const differing = need.findIndex((part, index) => part !== (have[index] ?? 0));
  return differing === -1 || (have[differing] ?? 0) > (need[differing] ?? 0);
};

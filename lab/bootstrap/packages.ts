import { execa } from "execa";
import { Fault } from "#domain/fault.ts";
import type { Ask } from "./ask.ts";
import { findProgram } from "./find-program.ts";
import { withoutStartingServices } from "./policy-rc.ts";
import type { Progress } from "./progress.ts";

export interface PackageOptions {
  readonly progress: Progress;
  /** Asked once, before anything is installed; absent: installs without asking. */
  readonly ask?: Ask;
  readonly signal?: AbortSignal;
}

/**
 * Installs those of `wanted` that are missing, without recommended ones and without letting any service start. Rejects with `PREREQUISITES_FAILED`
 * when this is no Debian, when it takes root, when the person says no and when apt fails; each time with the command to type.
 */
export const ensurePackages = async (wanted: readonly string[], options: PackageOptions): Promise<void> => {
  const missing = await missingPackages(wanted);
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(" ")}`;
  if (process.getuid?.() !== 0) {
    throw new Fault(
      "PREREQUISITES_FAILED",
      `These Debian packages are missing and installing them takes root: ${missing.join(", ")}. As root: ${command}`,
      { details: { missing } },
    );
  }
  if (options.ask && !(await options.ask(`Install ${missing.length} Debian packages (${missing.join(" ")})?`))) {
    throw new Fault("PREREQUISITES_FAILED", `Without these packages it cannot go on. When you want them: ${command}`, {
      details: { missing },
    });
  }
  options.progress(`Installing ${missing.length} Debian packages: ${missing.join(" ")} …`);
  await withoutStartingServices(() => install(missing, options));
};

/** Which of these Debian packages are not installed. Rejects with `PREREQUISITES_FAILED` where there is no dpkg. */
export const missingPackages = async (wanted: readonly string[]): Promise<readonly string[]> => {
  const query = findProgram("dpkg-query");
  if (query === undefined) {
    throw new Fault(
      "PREREQUISITES_FAILED",
      `The lab installs Debian packages and found no dpkg here. Use Debian 12, or run the demo on simulated hosts: npm run demo -- --light`,
    );
  }
  // Exits with 1 when it does not know one of them, which is an answer here.
  const format = "-f=${Package} ${db:Status-Status}\\n";
  const { stdout, exitCode, stderr } = await execa(query, ["-W", format, ...wanted], { reject: false });
  if (exitCode !== 0 && exitCode !== 1) {
    throw new Fault("PREREQUISITES_FAILED", `dpkg-query could not say which packages are installed: ${stderr}`);
  }
  const installed = new Set(
    stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return wanted.filter((name) => !installed.has(name));
};

const install = async (missing: readonly string[], options: PackageOptions): Promise<void> => {
  const first = await aptGet(["install", ...missing], options);
  if (first.ok) return;
  options.progress("Reading the package lists of Debian (apt-get update) …");
  const update = await aptGet(["update"], options);
  const second = update.ok ? await aptGet(["install", ...missing], options) : update;
  if (!second.ok) {
    throw new Fault("PREREQUISITES_FAILED", `apt-get could not install the packages: ${lastLines(second.output)}`, {
      details: { missing },
    });
  }
};

const aptGet = async (
  args: readonly string[],
  options: PackageOptions,
): Promise<{ readonly ok: boolean; readonly output: string }> => {
  const result = await execa("apt-get", ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", ...args], {
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "ignore",
    all: true,
    reject: false,
    ...(options.signal ? { cancelSignal: options.signal } : {}),
  });
  return { ok: result.exitCode === 0, output: result.all };
};

const lastLines = (output: string): string => output.trim().split("\n").slice(-4).join(" ");

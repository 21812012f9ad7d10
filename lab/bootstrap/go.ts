import { execa } from "execa";
import { Fault } from "#domain/fault.ts";
import { findProgram } from "./find-program.ts";

/** From 1.21 on Go fetches the newer toolchain that a module asks for by itself. */
const oldestMinor = 21;

/** The path of a usable `go`. Rejects with `PREREQUISITES_FAILED`; `reason` says what it is needed for. */
export const requireGo = async (reason: string): Promise<string> => {
  const go = findProgram("go");
  const cure = "Install it from https://go.dev/dl/ (or: apt-get install -t bookworm-backports golang).";
  if (go === undefined) throw new Fault("PREREQUISITES_FAILED", `There is no Go on PATH. ${reason}. ${cure}`);
  const { stdout } = await execa(go, ["version"], { reject: false, timeout: 10_000 });
  const minor = /go1\.(\d+)/.exec(stdout)?.[1];
  if (minor === undefined || Number(minor) < oldestMinor) {
    throw new Fault(
      "PREREQUISITES_FAILED",
      `The Go on PATH (${go}) says "${stdout.trim()}"; 1.${oldestMinor} or newer is needed. ${reason}. ${cure}`,
    );
  }
  return go;
};

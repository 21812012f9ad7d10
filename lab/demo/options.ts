import { parseArgs } from "node:util";
import { Fault, isFault } from "#domain/fault.ts";

export interface DemoOptions {
  readonly light: boolean;
  readonly keep: boolean;
  readonly yes: boolean;
  readonly down: boolean;
  readonly help: boolean;
}

export const usage = `npm run demo [-- OPTIONS]

Protects a running machine, replicates it to a second site, fails it over, brings it home, kills its host and recovers it; then says what was measured.

  (none)    two real QEMU/libvirt hosts in namespaces of this machine: takes root, Debian and its packages
  --light   the same story on simulated hosts: no root, no packages, under 30 seconds
  --keep    leaves everything running at the end and prints what to try next
  --down    ends what an earlier --keep (or a crash) left running
  --yes     installs missing Debian packages without asking
  --help    this text`;

/** Rejects an unknown option, and options that contradict each other, with `INVALID_INPUT` and the usage. */
export const parseOptions = (args: readonly string[]): DemoOptions => {
  const flag = { type: "boolean", default: false } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { light: flag, keep: flag, yes: flag, down: flag, help: { ...flag, short: "h" } },
    });
    return refuseContradictions(values);
  } catch (cause) {
    if (isFault(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("INVALID_INPUT", `${reason}\n\n${usage}`, { cause });
  }
};

/** `--down` ends every kept demo and plays none. */
const refuseContradictions = (options: DemoOptions): DemoOptions => {
  const against = (["light", "keep"] as const).filter((name) => options[name]).map((name) => `--${name}`);
  if (!options.down || against.length === 0) return options;
  throw new Fault(
    "INVALID_INPUT",
    `--down only ends what was kept, so ${against.join(" and ")} cannot go with it. Give --down alone.\n\n${usage}`,
  );
};

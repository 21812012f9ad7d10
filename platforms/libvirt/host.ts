import type { Duplex } from "node:stream";

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly stdin?: string;
  /** What is being done, for error sentences: "list the machines". */
  readonly purpose: string;
}

/** For a script that may take hours. Of each kind only so many run at once on a host, and the rest wait their turn before their time begins: others find the host free meanwhile. */
export type Lasting = "copy" | "merge";

/** One kept connection to one hypervisor host over SSH. Everything the libvirt platform does on a host goes through this. */
export interface HostConnection extends AsyncDisposable {
  /** The host's name in the configuration, for sentences. */
  readonly name: string;
  /**
   * Runs a POSIX sh script with positional arguments, in a process of its own (about 2 ms, in a kept shell); arguments are passed quoted, never pasted into the script. Rejects with `COMMAND_FAILED`
   * (details: exit code, stderr), `COMMAND_TIMED_OUT`, `HOST_UNREACHABLE`, `AUTHENTICATION_FAILED`, `HOST_KEY_MISMATCH`, `CANCELLED`.
   */
  run(
    script: string,
    args: readonly string[],
    options: RunOptions & { readonly lasting?: Lasting },
  ): Promise<{ readonly stdout: string; readonly stderr: string }>;
  /**
   * Runs virsh commands in order on a kept virsh process (about 2 ms each), stopping at the first that fails (`COMMAND_FAILED` with libvirt's text).
   * Each command is a list of words.
   */
  virsh(commands: readonly (readonly string[])[], options: Omit<RunOptions, "stdin">): Promise<readonly string[]>;
  /** QMP to a running domain through libvirt, in order, stopping at the first error. */
  monitor(
    domain: string,
    commands: readonly QmpCommand[],
    options: Omit<RunOptions, "stdin">,
  ): Promise<readonly unknown[]>;
  /** A byte stream to a unix socket on the host. */
  openUnix(path: string, signal: AbortSignal): Promise<Duplex>;
}
export interface QmpCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

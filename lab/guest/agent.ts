import { setTimeout as sleep } from "node:timers/promises";

import { Fault } from "#domain/fault.ts";

import type { LabHost } from "../hosts/host.ts";

const endsWithinMs = 30_000;

/** Runs a program in a guest through its agent and waits for its end; answers what it said. Rejects with `COMMAND_FAILED`, or `COMMAND_TIMED_OUT` after 30 s. */
export const runInGuest = async (
  host: LabHost,
  machine: string,
  [path, ...arg]: readonly [string, ...string[]],
): Promise<string> => {
  const started = await agentCall<{ readonly pid: number }>(host, machine, "guest-exec", {
    path,
    arg,
    "capture-output": true,
  });
  const deadline = performance.now() + endsWithinMs;
  for (;;) {
    const status = await agentCall<ExecStatus>(host, machine, "guest-exec-status", { pid: started.pid });
    if (status.exited) return outputOf(status, `"${[path, ...arg].join(" ")}" in the guest ${machine}`);
    if (performance.now() > deadline)
      throw new Fault("COMMAND_TIMED_OUT", `"${path}" in the guest ${machine} did not end within 30 s.`);
    await sleep(20);
  }
};

interface ExecStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly "out-data"?: string;
  readonly "err-data"?: string;
}

const outputOf = (status: ExecStatus, what: string): string => {
  const text = (data: string | undefined): string =>
    Buffer.from(data ?? "", "base64")
      .toString("utf8")
      .trim();
  if (status.exitcode === 0) return text(status["out-data"]);
  throw new Fault(
    "COMMAND_FAILED",
    `${what} failed (exit ${status.exitcode ?? "by a signal"}): ${text(status["err-data"])}`,
  );
};

const agentCall = async <T>(
  host: LabHost,
  machine: string,
  execute: string,
  args: Readonly<Record<string, unknown>>,
): Promise<T> => {
  const call = JSON.stringify({ execute, arguments: args });
  const { stdout } = await host.run('virsh -q qemu-agent-command "$1" "$2"', [machine, call], {
    timeoutMs: endsWithinMs,
  });
  return (JSON.parse(stdout) as { readonly return: T }).return;
};

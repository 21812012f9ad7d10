import { Fault } from "#domain/fault.ts";
import type { FaultCode } from "#domain/fault-codes.ts";

/** What libvirt, QEMU's tools and the shell say, and what it means for us; the first that matches counts. */
const meanings: readonly { readonly pattern: RegExp; readonly code: FaultCode; readonly action: string }[] = [
  {
    pattern: /virsh: (command )?not found/i,
    code: "HYPERVISOR_UNAVAILABLE",
    action: "Install libvirt's clients there (Debian: apt-get install libvirt-clients).",
  },
  {
    pattern: /polkit|access denied|authentication (failed|unavailable)|operation not permitted|permission denied/i,
    code: "PERMISSION_DENIED",
    action: "Log in as root, or give the user the right (docs/libvirt.md, Privileges).",
  },
  {
    pattern:
      /failed to connect (to the hypervisor|socket)|client socket is closed|end of file while reading data|cannot recv data|cannot write data|connection reset by peer|disconnected from|internal error: connection closed|no connection driver/i,
    code: "HYPERVISOR_UNAVAILABLE",
    action: "Is libvirtd running there? It is tried again by itself.",
  },
  {
    pattern: /domain not found|failed to get domain|no domain with matching/i,
    code: "MACHINE_NOT_FOUND",
    action: "Was it undefined or renamed?",
  },
  {
    pattern: /domain is not running/i,
    code: "MACHINE_NOT_RUNNING",
    action: "Start it, or ask for what works on a machine that is off.",
  },
  { pattern: /no space left on device/i, code: "STORE_FULL", action: "Make room there." },
];

/** A command that ran and failed, as a sentence; the code tells what an operator or a workflow does about it. */
export const commandFault = (failure: {
  readonly host: string;
  readonly purpose: string;
  readonly text: string;
  readonly details?: Readonly<Record<string, unknown>>;
}): Fault => {
  const { host, purpose, details } = failure;
  const text = failure.text.trim();
  const meaning = meanings.find(({ pattern }) => pattern.test(text));
  const said = text === "" ? "it says nothing" : text.replace(/\s*\n\s*/g, "; ");
  return new Fault(
    meaning?.code ?? "COMMAND_FAILED",
    `Host ${host} could not ${purpose}: ${said.slice(0, 600)}.${meaning === undefined ? "" : ` ${meaning.action}`}`,
    { details: { host, purpose, stderr: text.slice(0, 4_000), ...details } },
  );
};

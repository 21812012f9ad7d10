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
    pattern: /account is (currently not available|locked|disabled|expired)|password has expired|change your password/i,
    code: "PERMISSION_DENIED",
    action:
      "The user that the worker logs in as may run no commands there. Configure root, or a user with a login shell who has the rights of docs/libvirt.md, Privileges.",
  },
  {
    pattern: /libvirt-sock.*permission denied|polkit|authentication (failed|unavailable)|access denied/i,
    code: "PERMISSION_DENIED",
    action:
      "The user that the worker logs in as lacks the right to manage libvirt's machines: put it into the group libvirt there (usermod -aG libvirt USER), allow it org.libvirt.unix.manage by polkit, or configure root (docs/libvirt.md, Privileges).",
  },
  {
    pattern: /operation not permitted|permission denied|read-only file system/i,
    code: "PERMISSION_DENIED",
    action:
      "The user that the worker logs in as lacks the right to what is named: configure root, or give it that right (docs/libvirt.md, Privileges).",
  },
  {
    // Of one machine's QEMU, not of libvirtd.
    pattern: /(read from|write to) monitor|end of file from (qemu )?monitor|domain is no(t| longer) (running|active)/i,
    code: "MACHINE_NOT_RUNNING",
    action: "Start it, or ask for what works on a machine that is off.",
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
  { pattern: /no space left on device/i, code: "STORE_FULL", action: "Make room there." },
];

/** What shells and logins print before anything was tried: never the reason. */
const banner =
  /^(could not chdir to home directory|.*warning: setlocale|mesg: |stdin: is not a tty|.*cannot set terminal|.*no job control|warning: permanently added)/i;

/** What was said, without the banners; they themselves where there is nothing else. */
export const meaningfulLines = (text: string): string => {
  const lines = text.split("\n").map((line) => line.trim());
  const reasons = lines.filter((line) => line !== "" && !banner.test(line));
  return (reasons.length > 0 ? reasons : lines.filter((line) => line !== "")).join("\n");
};

/** A command that ran and failed, as a sentence; the code tells what an operator or a workflow does about it. */
export const commandFault = (failure: {
  readonly host: string;
  readonly purpose: string;
  readonly text: string;
  readonly details?: Readonly<Record<string, unknown>>;
}): Fault => {
  const { host, purpose, details } = failure;
  const text = meaningfulLines(failure.text);
  const meaning = meanings.find(({ pattern }) => pattern.test(text));
  // Of much, the end: that is where the reason stands.
  const said = text === "" ? "it says nothing" : text.replaceAll("\n", "; ").slice(-600);
  return new Fault(
    meaning?.code ?? "COMMAND_FAILED",
    `Host ${host} could not ${purpose}: ${said.replace(/\.$/, "")}.${meaning === undefined ? "" : ` ${meaning.action}`}`,
    { details: { host, purpose, stderr: text.slice(0, 4_000), ...details } },
  );
};

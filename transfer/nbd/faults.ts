import { Fault } from "#domain/fault.ts";
import type { NbdTransport } from "./options.ts";
import { errno, type CommandName } from "./protocol.ts";

/** How messages name the server. */
export function describeTransport(transport: NbdTransport): string {
  if (transport.kind === "unix") return `unix socket ${transport.path}`;
  return transport.kind === "tcp" ? `${transport.host}:${transport.port}` : "a forwarded stream";
}

const verbs: Readonly<Record<CommandName, string>> = {
  read: "reading",
  write: "writing",
  flush: "flushing",
  writeZeroes: "zeroing",
  blockStatus: "asking for the block status of",
};

/** A request that the server refused. `text` is the server's own sentence, where it sent one. */
export interface Refusal {
  readonly errno: number;
  readonly text: string;
}

/**
 * The fault for a refused request: `STORE_FULL` for no space on a write; `CUT_BROKEN` where a copy-before-write snapshot was given up
 * (QEMU then denies every read with "Permission denied", errno EACCES, which NBD carries as EINVAL with that text, or as EPERM); else `NBD_FAILED`.
 */
export function refusalFault(request: {
  readonly where: string;
  readonly command: CommandName;
  readonly offset: number;
  readonly length: number;
  readonly refusal: Refusal;
}): Fault {
  const { where, command, offset, length, refusal } = request;
  const details = { where, command, offset, length, errno: refusal.errno, text: refusal.text };
  const reason = `${errnoName(refusal.errno)}${refusal.text === "" ? "" : `: ${refusal.text}`}`;
  const subject = command === "flush" ? "it" : `${length} bytes at offset ${offset}`;
  const failed = `The NBD server at ${where} refused ${verbs[command]} ${subject} (${reason})`;
  const reads = command === "read" || command === "blockStatus";
  if (!reads && refusal.errno === errno.ENOSPC) {
    return new Fault("STORE_FULL", `${failed}. The storage behind it is full: free space or enlarge it, then resume.`, {
      details,
    });
  }
  const denied =
    refusal.errno === errno.EPERM || refusal.errno === errno.EACCES || /permission denied/i.test(refusal.text);
  if (reads && denied) {
    return new Fault(
      "CUT_BROKEN",
      `${failed}. The cut's snapshot was given up, so its content is gone: end this cut and take a new one. A larger scratch limit makes this rarer.`,
      { details },
    );
  }
  return new Fault("NBD_FAILED", `${failed}. See the server's own log for the cause.`, { details });
}

const errnoName = (value: number): string =>
  Object.entries(errno).find(([, number]) => number === value)?.[0] ?? `error ${value}`;

/** The server broke the protocol; nothing more can be believed of this connection. */
export const protocolFault = (where: string, what: string): Fault =>
  new Fault("NBD_FAILED", `The NBD server at ${where} broke the protocol: ${what}. The connection was closed.`, {
    details: { where },
  });

export const lostFault = (where: string, cause: Error): Fault =>
  new Fault("CONNECTION_LOST", `The connection to the NBD server at ${where} was lost: ${cause.message}`, {
    cause,
    details: { where },
  });

import type { DiskId, ReplicaId } from "#domain/ids.ts";
import { Fault } from "#domain/fault.ts";
import { digestKeyBytes, type DigestAlgorithm } from "../digest/keyed.ts";

/** Versions of the stream this build speaks, best first. A frame's or message's meaning never changes within one. */
export const protocolVersions: readonly number[] = [1];
const protocolName = "understudy-replica";

/** The first message on every connection: a new session, or one more connection of a standing one. */
export interface Hello {
  readonly protocol: typeof protocolName;
  readonly versions: readonly number[];
  readonly digests: readonly DigestAlgorithm[];
  readonly replica?: ReplicaId;
  readonly epoch?: number;
  /** A standing session's token, in place of replica and epoch. */
  readonly token?: string;
}

export interface Welcome {
  readonly version: number;
  readonly token: string;
  readonly digest: DigestAlgorithm;
  /** Base64. Random for each session; only ever inside TLS. */
  readonly key: string;
}

export type TransferMode = "copy" | "resynchronize";
export interface Open {
  readonly disk: DiskId;
  readonly mode: TransferMode;
  readonly from: number;
}
export interface Opened {
  readonly sizeBytes: number;
}

export const controlMethods = ["state", "begin", "seal", "discardIncoming"] as const;
export type ControlMethod = (typeof controlMethods)[number];
export interface Call {
  readonly method: ControlMethod;
  readonly request?: unknown;
}

export const hello = (message: Omit<Hello, "protocol">): Hello => ({ protocol: protocolName, ...message });

/** Everything below reads what a peer sent and refuses what is not of the expected form (`PEER_INCOMPATIBLE`). */
export function readHello(payload: Buffer): Hello {
  const value = parse(payload);
  const { protocol, versions, digests, replica, epoch, token } = value;
  if (protocol !== protocolName || !isListOf(versions, "number") || !isListOf(digests, "string"))
    throw notUnderstood("hello");
  const opens = typeof replica === "string" && replica !== "" && Number.isSafeInteger(epoch) && Number(epoch) >= 0;
  if (!opens && typeof token !== "string") throw notUnderstood("hello");
  return value as unknown as Hello;
}

export function readWelcome(payload: Buffer): Welcome {
  const value = parse(payload);
  const { version, token, digest, key } = value;
  const keyed = typeof key === "string" && Buffer.from(key, "base64").length === digestKeyBytes;
  if (
    typeof version !== "number" ||
    typeof token !== "string" ||
    (digest !== "blake3" && digest !== "sha256") ||
    !keyed
  ) {
    throw notUnderstood("welcome");
  }
  if (!protocolVersions.includes(version)) throw notUnderstood("protocol version");
  return value as unknown as Welcome;
}

export function readOpen(payload: Buffer): Open {
  const value = parse(payload);
  const { disk, mode, from } = value;
  if (
    typeof disk !== "string" ||
    (mode !== "copy" && mode !== "resynchronize") ||
    !Number.isSafeInteger(from) ||
    Number(from) < 0
  ) {
    throw notUnderstood("open");
  }
  return value as unknown as Open;
}

export function readOpened(payload: Buffer): Opened {
  const value = parse(payload);
  if (!Number.isSafeInteger(value["sizeBytes"])) throw notUnderstood("opened");
  return value as unknown as Opened;
}

export function readCall(payload: Buffer): Call {
  const value = parse(payload);
  if (!controlMethods.some((method) => method === value["method"])) throw notUnderstood("call");
  return value as unknown as Call;
}

export function parse(payload: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch (cause) {
    throw new Fault("PEER_INCOMPATIBLE", "The peer sent a message that is not JSON.", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw notUnderstood("message");
  return value as Readonly<Record<string, unknown>>;
}

const isListOf = (value: unknown, type: "number" | "string"): boolean =>
  Array.isArray(value) && value.length <= 64 && value.every((item) => typeof item === type);

const notUnderstood = (what: string): Fault =>
  new Fault(
    "PEER_INCOMPATIBLE",
    `The peer's ${what} is not understood. Run the same version of Understudy at both sites.`,
  );

import { createHash } from "node:crypto";
import { Fault } from "#domain/fault.ts";

export interface PinnedHostKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`. */
  readonly type: string;
  readonly blob: Buffer;
}

/** Reads a pinned key as it stands in known_hosts (`ssh-ed25519 AAAA…`, a comment may follow). Rejects anything else with `CONFIG_INVALID`. */
export const parsePinnedHostKey = (text: string, hostName: string): PinnedHostKey => {
  const [type = "", base64 = ""] = text.trim().split(/\s+/);
  const blob = Buffer.from(base64, "base64");
  // The blob names its own type again: the cheapest proof that it was copied whole.
  const named = blob.length > 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1") : "";
  if (type === "" || named !== type)
    throw new Fault(
      "CONFIG_INVALID",
      `The host key of host ${hostName} is not a key as ssh-keyscan prints it ("ssh-ed25519 AAAA…"). Copy the two words after the host's name from the output of: ssh-keyscan -t ed25519 ${hostName}`,
      { details: { host: hostName } },
    );
  return { type, blob };
};

/** As `ssh-keygen -l` prints it. */
export const fingerprint = (blob: Buffer): string =>
  `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;

/** Only the pinned key's type is asked for: a server that has several would otherwise answer with another one. */
export const hostKeyAlgorithms = (type: string): string[] =>
  type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type];

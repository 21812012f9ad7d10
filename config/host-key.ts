const types = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
  "sk-ssh-ed25519@openssh.com",
] as const;

export const hostKeyForm =
  "the host's public key, as `ssh-keyscan -t ed25519 HOST` prints it behind the host's name: ssh-ed25519 AAAA…";

/** A public host key as in known_hosts, without its comment; undefined when it is not one (its blob must say the same type as its first word). */
export const readHostKey = (text: string): string | undefined => {
  const [type = "", blob = ""] = text.trim().split(/\s+/u);
  if (!types.some((known) => known === type) || !/^[A-Za-z0-9+/]+={0,2}$/u.test(blob)) return undefined;
  const bytes = Buffer.from(blob, "base64");
  if (bytes.length < 4) return undefined;
  const named = bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString("latin1");
  return named === type ? `${type} ${blob}` : undefined;
};

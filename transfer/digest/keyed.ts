import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { Fault } from "#domain/fault.ts";

/** 128 bits of a keyed digest: with a random key per session nobody inside a guest can prepare two blocks that look the same. */
export const digestBytes = 16;
export const digestKeyBytes = 32;
export type DigestAlgorithm = "blake3" | "sha256";

/** Digests many blocks, one after the other, into a caller's buffer. */
export interface KeyedDigest {
  readonly algorithm: DigestAlgorithm;
  /** Writes the block's digest to `into` at `at`. */
  write(block: Buffer, into: Buffer, at: number): void;
  /** Whether `block` has the digest that stands in `expected` at `at`. */
  matches(block: Buffer, expected: Buffer, at: number): boolean;
}

interface Blake3Module {
  readonly Blake3Hasher: {
    newKeyed(key: Buffer): { reset(): void; update(input: Buffer): unknown; digest(format: "hex"): string };
  };
}

/** BLAKE3 comes as a native add-on; where there is none for the machine, SHA-256 of Node itself takes its place. */
const blake3 = loadBlake3();

/** What this machine can do, best first. */
export const digestAlgorithms: readonly DigestAlgorithm[] = blake3 === undefined ? ["sha256"] : ["blake3", "sha256"];

export function createKeyedDigest(algorithm: DigestAlgorithm, key: Buffer): KeyedDigest {
  const digest =
    algorithm === "blake3"
      ? blake3Digest(key)
      : (block: Buffer): string => createHmac("sha256", key).update(block).digest("hex").slice(0, hexLength);
  return {
    algorithm,
    write(block, into, at) {
      into.write(digest(block), at, digestBytes, "hex");
    },
    matches(block, expected, at) {
      return digest(block) === expected.toString("hex", at, at + digestBytes);
    },
  };
}

const hexLength = 2 * digestBytes;

/** In hexadecimal: a string is much less work for the garbage collector than a buffer of memory outside of its heap, which is the other form there is. */
function blake3Digest(key: Buffer): (block: Buffer) => string {
  if (blake3 === undefined) {
    throw new Fault(
      "PEER_INCOMPATIBLE",
      "The peer chose BLAKE3 digests, but @napi-rs/blake-hash cannot be loaded here. Reinstall with npm ci.",
    );
  }
  // One hasher, reset for every block: making a new one costs as much as hashing 64 KiB.
  const hasher = blake3.Blake3Hasher.newKeyed(key);
  return (block) => {
    hasher.reset();
    hasher.update(block);
    return hasher.digest("hex").slice(0, hexLength);
  };
}

function loadBlake3(): Blake3Module | undefined {
  try {
    return createRequire(import.meta.url)("@napi-rs/blake-hash") as Blake3Module;
  } catch {
    return undefined;
  }
}

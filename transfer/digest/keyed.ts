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
  write(block: Buffer, into: Uint8Array, at: number): void;
  /** Whether `block` has the digest that stands in `expected` at `at`. */
  matches(block: Buffer, expected: Buffer, at: number): boolean;
}

interface Blake3Module {
  readonly Blake3Hasher: {
    newKeyed(key: Buffer): { reset(): void; update(input: Buffer): unknown; digestBuffer(): Buffer };
  };
}

/** BLAKE3 comes as a native add-on; where there is none for the machine, SHA-256 of Node itself takes its place. */
const blake3 = loadBlake3();

/** What this machine can do, best first. */
export const digestAlgorithms: readonly DigestAlgorithm[] = blake3 === undefined ? ["sha256"] : ["blake3", "sha256"];

export function createKeyedDigest(algorithm: DigestAlgorithm, key: Buffer): KeyedDigest {
  const digest =
    algorithm === "blake3" ? blake3Digest(key) : (block: Buffer) => createHmac("sha256", key).update(block).digest();
  return {
    algorithm,
    write(block, into, at) {
      into.set(digest(block).subarray(0, digestBytes), at);
    },
    matches(block, expected, at) {
      return digest(block).compare(expected, at, at + digestBytes, 0, digestBytes) === 0;
    },
  };
}

function blake3Digest(key: Buffer): (block: Buffer) => Buffer {
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
    return hasher.digestBuffer();
  };
}

function loadBlake3(): Blake3Module | undefined {
  try {
    return createRequire(import.meta.url)("@napi-rs/blake-hash") as Blake3Module;
  } catch {
    return undefined;
  }
}

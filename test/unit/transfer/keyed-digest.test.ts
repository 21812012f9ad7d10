import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createKeyedDigest, digestBytes } from "#transfer/digest/keyed.ts";

for (const algorithm of ["blake3", "sha256"] as const) {
  test(`${algorithm} finds any changed bit, and depends on the key`, () => {
    const [key, block] = [randomBytes(32), randomBytes(65_536)];
    const digest = createKeyedDigest(algorithm, key);
    const digests = Buffer.alloc(2 * digestBytes);
    digest.write(block, digests, digestBytes);
    expect(digest.matches(block, digests, digestBytes)).toBe(true);
    block[40_000] = (block[40_000] ?? 0) ^ 1;
    expect(digest.matches(block, digests, digestBytes)).toBe(false);
    block[40_000] = (block[40_000] ?? 0) ^ 1;
    expect(createKeyedDigest(algorithm, randomBytes(32)).matches(block, digests, digestBytes)).toBe(false);
  });
}

test("BLAKE3 is the published keyed function", () => {
  // From the official test vectors: key "whats the Elvish word for friend", input of one zero byte.
  const into = Buffer.alloc(digestBytes);
  createKeyedDigest("blake3", Buffer.from("whats the Elvish word for friend")).write(Buffer.alloc(1), into, 0);
  expect(into.toString("hex")).toBe("6d7878dfff2f485635d39013278ae14f");
});

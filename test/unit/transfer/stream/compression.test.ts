import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { AdaptiveCompression, compressBody, decompressBody } from "#transfer/stream/compression.ts";

/** Ten looks at a link: what was handed to it and what it delivered, each 300 ms. */
function after(frames: {
  readonly busy?: number;
  readonly sent: number;
  readonly received: number;
  readonly linkMs: number;
  readonly compressorMs: number;
}): number {
  let now = 0;
  const compression = new AdaptiveCompression({ now: () => now, step: 2, ownShare: () => 0 });
  for (let look = 0; look < 10; look += 1) {
    now += 300;
    compression.sent({ bytes: frames.sent, linkMs: frames.linkMs, compressorMs: frames.compressorMs });
    compression.received(frames.received, frames.busy ?? 0);
  }
  return compression.level;
}

test("a link as fast as memory is sent to raw", () => {
  expect(after({ sent: 300e6, received: 300e6, linkMs: 290, compressorMs: 0 })).toBe(0);
});

test("a compressor that the link waits for steps down until it is off", () => {
  expect(after({ sent: 30e6, received: 30e6, linkMs: 0, compressorMs: 290 })).toBe(0);
});

test("a gigabit is compressed lightly and a slow link thoroughly", () => {
  expect(after({ sent: 35e6, received: 35e6, linkMs: 290, compressorMs: 0 })).toBe(-3);
  expect(after({ sent: 3.5e6, received: 3.5e6, linkMs: 290, compressorMs: 0 })).toBe(3);
  expect(after({ sent: 0.3e6, received: 0.3e6, linkMs: 290, compressorMs: 0 })).toBe(6);
});

test("what only fills the kernel's buffers does not make a slow link look fast", () => {
  expect(after({ sent: 20e6, received: 3e6, linkMs: 0, compressorMs: 290 })).toBe(3);
});

test("a receiver that cannot keep up is not given decompression on top", () => {
  expect(after({ sent: 35e6, received: 35e6, linkMs: 290, compressorMs: 0, busy: 0.95 })).toBe(0);
});

test("a body that does not shrink goes raw", async () => {
  expect(await compressBody(randomBytes(100_000), 3)).toBeUndefined();
  const text = Buffer.alloc(100_000, "some text ");
  const packed = await compressBody(text, 3);
  expect(packed?.length).toBeLessThan(1_000);
  if (packed !== undefined) expect((await decompressBody(packed, text.length)).equals(text)).toBe(true);
});

test("a frame that holds more than it claims is refused before memory is given for it", async () => {
  const bomb = await compressBody(Buffer.alloc(50_000_000), 3);
  await expect(decompressBody(bomb ?? Buffer.alloc(0), 65_536)).rejects.toThrow(/larger than/);
});

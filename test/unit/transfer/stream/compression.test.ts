import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { AdaptiveCompression, compressBody, decompressBody } from "#transfer/stream/compression.ts";

/** A world of a link and two machines, in bytes and seconds, and what the sender makes of it in half a minute. */
function play(world: {
  readonly linkRate: number;
  /** Bytes of data per second that the compressor takes at a step. */
  readonly compressor: (step: number) => number;
  /** What the two ends can do without compression. */
  readonly endsRate: number;
  readonly busy?: number;
}): { readonly step: number; readonly dataRate: number } {
  const ratios = [1, 2.3, 2.9, 3.1, 3.3];
  let now = 0;
  let data = 0;
  const compression = new AdaptiveCompression({ now: () => now, step: 2, ownShare: () => world.busy ?? 0 });
  while (now < 30_000) {
    const { step } = compression;
    const dataBytes = step === 0 ? 512 * 1024 : 4 * 1024 * 1024;
    const bytes = dataBytes / (ratios[step] ?? 1);
    const [link, ends] = [bytes / world.linkRate, dataBytes / world.endsRate];
    const work = step === 0 ? 0 : dataBytes / world.compressor(step);
    const seconds = Math.max(link, ends, work);
    now += seconds * 1_000;
    data += dataBytes;
    compression.sent({
      step,
      bytes,
      dataBytes,
      linkMs: Math.max(link, ends) * 1_000,
      compressorMs: Math.max(0, work - link) * 1_000,
    });
    compression.received(bytes, world.busy ?? 0);
  }
  return { step: compression.step, dataRate: data / (now / 1_000) };
}

const quick = (step: number): number => [0, 1_400e6, 1_200e6, 900e6, 300e6][step] ?? 0;

test("a link as fast as memory is sent to raw", () => {
  expect(play({ linkRate: 3e9, compressor: quick, endsRate: 1e9 })).toMatchObject({ step: 0 });
});

test("a gigabit is compressed lightly and a slow link thoroughly", () => {
  expect(play({ linkRate: 118e6, compressor: quick, endsRate: 1e9 })).toMatchObject({ step: 2 });
  expect(play({ linkRate: 12e6, compressor: quick, endsRate: 1e9 })).toMatchObject({ step: 3 });
  expect(play({ linkRate: 1e6, compressor: quick, endsRate: 1e9 })).toMatchObject({ step: 4 });
});

test("a machine that others starve still compresses as far as it gains by it", () => {
  const starved = (step: number): number => quick(step) / 30;
  const { dataRate } = play({ linkRate: 12e6, compressor: starved, endsRate: 50e6, busy: 0.8 });
  expect(dataRate).toBeGreaterThan(0.9 * 12e6 * 2.3);
});

test("busy ends of a fast link are not given compression on top", () => {
  const slowed = (step: number): number => quick(step) / 10;
  expect(play({ linkRate: 1e9, compressor: slowed, endsRate: 200e6, busy: 0.95 })).toMatchObject({ step: 0 });
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

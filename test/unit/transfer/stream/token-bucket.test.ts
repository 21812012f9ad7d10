import { expect, test } from "vitest";
import { TokenBucket } from "#transfer/stream/token-bucket.ts";

/** Sends frames of 100 kB for so many ms of a clock of its own; answers the bytes. */
async function sentWithin(ms: number, rate: (now: number) => number | undefined): Promise<number> {
  let now = 0;
  const sleep = async (waitMs: number): Promise<void> => {
    now += waitMs;
    await Promise.resolve();
  };
  const bucket = new TokenBucket(() => rate(now), { now: () => now, sleep });
  let sent = 0;
  for (; now < ms; sent += 100_000) await bucket.take(100_000, AbortSignal.timeout(5_000));
  return sent;
}

test("the rate is kept within a tenth", async () => {
  const sent = await sentWithin(10_000, () => 1_000_000);
  expect(sent).toBeGreaterThan(9_000_000);
  expect(sent).toBeLessThan(11_000_000);
});

test("a rate that changes counts at once", async () => {
  const sent = await sentWithin(10_000, (now) => (now < 5_000 ? 500_000 : 2_000_000));
  expect(sent).toBeGreaterThan(11_500_000);
  expect(sent).toBeLessThan(13_500_000);
});

test("a closed window lets nothing through until it opens", async () => {
  const sent = await sentWithin(2_000, (now) => (now < 1_500 ? 0 : 1_000_000));
  expect(sent).toBeLessThan(900_000);
});

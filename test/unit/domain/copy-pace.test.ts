import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CopyMark, copyPace, withMark } from "#domain/copy-pace.ts";

const minute = 60_000;

/** A copy looked at once a second, that does so many bytes in each. */
function copy(bytesInSecond: readonly number[]) {
  let marks: readonly CopyMark[] = withMark([], { atMs: 0, bytesDone: 0 });
  let now: CopyMark = { atMs: 0, bytesDone: 0 };
  for (const bytes of bytesInSecond) {
    now = { atMs: now.atMs + 1_000, bytesDone: now.bytesDone + bytes };
    marks = withMark(marks, now);
  }
  return { marks, now };
}
const seconds = (count: number, bytes: number): readonly number[] => Array.from({ length: count }, () => bytes);
const paceOf = ({ marks, now }: ReturnType<typeof copy>, limitBytesPerSecond?: number) =>
  copyPace(marks, { ...now, limitBytesPerSecond });

describe("how a copy goes", () => {
  it("is in progress from its first byte on, however slow it begins", () => {
    expect(copyPace([], { atMs: 0, bytesDone: 0 })).toBe("InProgress");
    expect(paceOf(copy(seconds(299, 1)))).toBe("InProgress");
  });

  it("is no progress when nothing more was done for a minute, until something is", () => {
    const working = seconds(120, 50_000_000);
    expect(paceOf(copy([...working, ...seconds(59, 0)]))).toBe("InProgress");
    const stuck = copy([...working, ...seconds(66, 0)]);
    expect(paceOf(stuck)).toBe("NoProgress");
    expect(paceOf(copy([...working, ...seconds(66, 0), 1]))).toBe("InProgress");
  });

  it("is slow progress below a megabyte a second over five minutes", () => {
    expect(paceOf(copy(seconds(320, 900_000)))).toBe("SlowProgress");
    expect(paceOf(copy(seconds(320, 1_100_000)))).toBe("InProgress");
    expect(paceOf(copy([...seconds(320, 900_000), ...seconds(320, 2_000_000)]))).toBe("InProgress");
  });

  it("is not slow when it is the policy's limit that holds it back", () => {
    const crawling = copy(seconds(320, 100_000));
    expect(paceOf(crawling, 100_000)).toBe("InProgress");
    expect(paceOf(crawling, 1_000_000)).toBe("SlowProgress");
  });

  it("forgets its past when the copy begins anew", () => {
    const { marks, now } = copy(seconds(320, 900_000));
    const again = withMark(marks, { atMs: now.atMs + 1_000, bytesDone: 0 });
    expect(again).toHaveLength(1);
    expect(copyPace(again, { atMs: now.atMs + 2_000, bytesDone: 10 })).toBe("InProgress");
  });

  it("needs few marks, however long the copy and however often it is looked at", () => {
    const steps = fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 600, maxLength: 1_200 });
    fc.assert(
      fc.property(steps, (bytes) => {
        const { marks, now } = copy(bytes);
        expect(marks.length).toBeLessThanOrEqual(62);
        expect(marks.some(({ atMs }) => atMs <= now.atMs - 5 * minute)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});

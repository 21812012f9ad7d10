import { describe, expect, it } from "vitest";
import { cutId, instant } from "#domain/ids.ts";
import { isReplicaFresh } from "#workflows/job/fresh-replica.ts";
import { protectedItem } from "#test/support/protected-item.ts";

const at = instant(Date.parse("2026-11-21T12:00:00Z"));
const item = (secondsAgo: number, durationMs: number) => ({
  ...protectedItem("app1"),
  lastSealed: { cut: cutId("c1"), takenAt: instant(Date.parse(at) - secondsAgo * 1_000) },
  lastCycle: { durationMs, bytes: 1, wireBytes: 1 },
});

describe("one more delta before the machine is shut down", () => {
  it("is not worth its time when the newest point is a second or two old and deltas are quick", () => {
    expect(isReplicaFresh(item(1, 400), at)).toBe(true);
    expect(isReplicaFresh(item(3, 1_000), at)).toBe(true);
  });

  it("is sent when the newest point is older, as a policy with a longer interval has it", () => {
    expect(isReplicaFresh(item(30, 400), at)).toBe(false);
  });

  it("is sent when the machine writes so much that each delta takes long", () => {
    expect(isReplicaFresh(item(1, 4_000), at)).toBe(false);
  });

  it("is sent when the two clocks do not agree, or nothing is known", () => {
    expect(isReplicaFresh(item(-3_600, 400), at)).toBe(false);
    expect(isReplicaFresh(protectedItem("app1"), at)).toBe(false);
  });
});

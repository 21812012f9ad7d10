import { describe, expect, test } from "vitest";
import { idleQueue } from "#client/idle-step.ts";

const nowMs = Date.UTC(2026, 10, 20, 12);
const described = (state: number, scheduledAgoMs: number) =>
  ({
    raw: {
      pendingActivities: [
        {
          state,
          scheduledTime: { seconds: (nowMs - scheduledAgoMs) / 1000 },
          activityOptions: { taskQueue: { name: "site/paris" } },
        },
      ],
    },
  }) as unknown as Parameters<typeof idleQueue>[0];
const scheduled = 1;
const started = 2;

describe("a step that no worker takes up", () => {
  test("is known by its queue", () => {
    expect(idleQueue(described(scheduled, 5_000), nowMs)).toBe("site/paris");
  });

  test("is none when it has only just been asked for, when a worker has it, or when it is tried again later", () => {
    expect(idleQueue(described(scheduled, 1_000), nowMs)).toBeUndefined();
    expect(idleQueue(described(started, 60_000), nowMs)).toBeUndefined();
    expect(idleQueue(described(scheduled, -10_000), nowMs)).toBeUndefined();
    expect(idleQueue({ raw: {} }, nowMs)).toBeUndefined();
  });
});

import { describe, expect, test } from "vitest";
import { pendingRetry } from "#client/pending-retry.ts";

const nowMs = Date.UTC(2026, 10, 20, 12);
const scheduled = 1;
const started = 2;
const described = (step: object) =>
  ({
    raw: {
      pendingActivities: [
        {
          activityType: { name: "checkTarget" },
          state: scheduled,
          attempt: 4,
          maximumAttempts: 8,
          lastFailure: {
            message: "Host paris1 cannot be reached.",
            applicationFailureInfo: { type: "HOST_UNREACHABLE" },
          },
          ...step,
        },
      ],
    },
  }) as unknown as Parameters<typeof pendingRetry>[0];
const startedAgo = (ms: number) => ({ state: started, lastStartedTime: { seconds: (nowMs - ms) / 1000 } });
const told = "Host paris1 cannot be reached. 3 of 8 tries have failed; it is tried again by itself.";

describe("a step that has failed and is tried again", () => {
  test("is told with its reason, while the next try is waited for and while it runs", () => {
    expect(pendingRetry(described({}), nowMs)).toBe(told);
    expect(pendingRetry(described(startedAgo(5_000)), nowMs)).toBe(told);
  });

  test("is not told of any more once a try has lasted long: it does what it should", () => {
    expect(pendingRetry(described(startedAgo(120_000)), nowMs)).toBeUndefined();
  });

  test("is told without a number where there is no last try", () => {
    expect(pendingRetry(described({ attempt: 2, maximumAttempts: 0 }), nowMs)).toBe(
      "Host paris1 cannot be reached. 1 try has failed; it is tried again by itself.",
    );
  });

  test("says of a worker that died that it did", () => {
    const lost = { message: "activity Heartbeat timeout", timeoutFailureInfo: { timeoutType: 4 } };
    expect(pendingRetry(described({ attempt: 2, lastFailure: lost }), nowMs)).toBe(
      "The worker that did it was not heard of in time. 1 of 8 tries has failed; it is tried again by itself.",
    );
  });

  test("is none where nothing has failed", () => {
    expect(pendingRetry(described({ attempt: 1, lastFailure: null }), nowMs)).toBeUndefined();
    expect(pendingRetry({ raw: {} }, nowMs)).toBeUndefined();
  });

  test("is looked for among certain steps alone, where others go on beside them", () => {
    expect(pendingRetry(described({}), nowMs, ["replicate"])).toBeUndefined();
    expect(pendingRetry(described({ activityType: { name: "replicate" } }), nowMs, ["replicate"])).toBe(told);
  });
});

import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { describe, expect, it } from "vitest";
import { toFailure, withFailures } from "#activities/failures.ts";
import { asOperation } from "#activities/operation.ts";
import { Fault } from "#domain/fault.ts";

describe("an activity that fails", () => {
  it("has the fault's code as its type, and is tried again only when the fault is recoverable", () => {
    const details = { host: "p1" };
    expect(toFailure(new Fault("HOST_UNREACHABLE", "gone", { details }), undefined)).toMatchObject({
      type: "HOST_UNREACHABLE",
      message: "gone",
      nonRetryable: false,
      details: [details],
    });
    expect(toFailure(new Fault("MACHINE_NOT_FOUND", "none"), undefined)).toMatchObject({ nonRetryable: true });
  });

  it("is cancelled when it was asked to end, whatever it threw then", () => {
    expect(toFailure(new Fault("CONNECTION_LOST", "cut off"), "asked-for")).toBeInstanceOf(CancelledFailure);
  });

  it("is taken up by another worker when its own is being stopped", () => {
    const failure = toFailure(new Fault("REPLICA_INVALID", "half-way"), "worker-stops");
    expect(failure).toMatchObject({ type: "WorkerStops", nonRetryable: false });
  });

  it("is not tried again after an error that nobody has foreseen, which says what it was", () => {
    expect(toFailure(new TypeError("x is undefined"), undefined)).toMatchObject({
      type: "INTERNAL",
      nonRetryable: true,
      message: expect.stringContaining("x is undefined"),
    });
  });

  it("keeps what Temporal threw itself", () => {
    const own = ApplicationFailure.retryable("again");
    expect(toFailure(own, undefined)).toBe(own);
  });

  it("converts for every activity of a group", async () => {
    const group = withFailures({ one: (): Promise<void> => Promise.reject(new Fault("STORE_FULL", "full")) });
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger("ERROR") });
    await expect(environment.run(group.one)).rejects.toMatchObject({ type: "STORE_FULL" });
  });
});

describe("an activity's operation", () => {
  it("has the same id in every attempt, says its progress as heartbeat, and is cancelled with the activity", async () => {
    const ids: string[] = [];
    const beats: unknown[] = [];
    for (const attempt of [1, 2]) {
      const environment = new MockActivityEnvironment({ attempt, activityId: "7" });
      environment.on("heartbeat", (details: unknown) => void beats.push(details));
      const running = environment.run(() =>
        asOperation(async (op) => {
          ids.push(op.id);
          op.progress({ step: `attempt ${attempt}` });
          environment.cancel("CANCELLED");
          return op.signal.aborted;
        }),
      );
      expect(await running).toBe(true);
    }
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/\/7$/);
    expect(beats).toEqual([{ step: "attempt 1" }, { step: "attempt 2" }]);
  });
});

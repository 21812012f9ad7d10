import { defaultPayloadConverter } from "@temporalio/common";
import { describe, expect, it } from "vitest";
import { liveReplication } from "#client/live-report.ts";
import { report } from "#test/unit/workflows/examples.ts";

/** Of the replication that is pending in a workflow: no worker has it (`SCHEDULED`), or one has. */
const [scheduled, started] = [1, 2];
type Pending = Parameters<typeof liveReplication>[0]["raw"]["pendingActivities"];
const described = (pending: object) =>
  liveReplication({
    raw: { pendingActivities: [{ activityType: { name: "replicate" }, ...pending }] as Pending },
  } as Parameters<typeof liveReplication>[0]);
const unreachable = {
  message: "The host lyon-1 does not answer.",
  applicationFailureInfo: { type: "HOST_UNREACHABLE" },
};
const beaten = (phase: "connecting" | "copying") => ({
  heartbeatDetails: { payloads: [defaultPayloadConverter.toPayload({ ...report("2026-11-21T12:00:07.000Z"), phase })] },
});

describe("the replication that runs in a workflow", () => {
  it("has lost its worker when that was not heard of, or has stopped, and no other has taken it up", () => {
    const timeout = { message: "activity Heartbeat timeout", timeoutFailureInfo: {} };
    expect(described({ state: scheduled, lastFailure: timeout })).toEqual({ orphaned: timeout.message });
    const stops = { message: "The worker is being stopped.", applicationFailureInfo: { type: "WorkerStops" } };
    expect(described({ state: scheduled, lastFailure: stops })).toEqual({ orphaned: stops.message });
    expect(described({ state: started, lastFailure: timeout })).toEqual({});
  });

  it("fails, and has lost no worker, from one try to the next when what it failed with is a fault", () => {
    const failing = { code: "HOST_UNREACHABLE", message: unreachable.message };
    expect(described({ state: scheduled, lastFailure: unreachable })).toEqual({ failing });
    const between = { state: scheduled, lastFailure: unreachable, lastHeartbeatTime: { seconds: 9 } };
    expect(described({ ...between, ...beaten("copying") })).toMatchObject({ failing });
    expect(described({ state: started, lastFailure: unreachable })).toEqual({ failing });
    const tried = { state: started, lastFailure: unreachable, lastStartedTime: { seconds: 10 } };
    expect(described({ ...tried, ...beaten("connecting"), lastHeartbeatTime: { seconds: 11 } })).toMatchObject({
      failing,
    });
    // Said by an earlier try.
    expect(described({ ...tried, ...beaten("copying"), lastHeartbeatTime: { seconds: 9 } })).toMatchObject({ failing });
  });

  it("fails no more when the present try has come to its work", () => {
    const tried = { state: started, lastFailure: unreachable, lastStartedTime: { seconds: 10, nanos: 1_000_000 } };
    const works = described({ ...tried, ...beaten("copying"), lastHeartbeatTime: { seconds: 11, nanos: 0 } });
    expect(works.failing).toBeUndefined();
    expect(works.report?.phase).toBe("copying");
  });
});

import { ApplicationFailure, NamespaceNotFoundError, ServiceError, WorkflowFailedError } from "@temporalio/client";
import { describe, expect, it } from "vitest";
import { temporalUnreachable } from "#client/connect.ts";
import { toFault, withFaults } from "#client/faults.ts";
import { Fault } from "#domain/fault.ts";

/** What grpc-js throws, as far as anybody looks at it. */
const service = (code: number, details: string) => Object.assign(new Error(details), { code, details, metadata: {} });

describe("a server that cannot be connected to", () => {
  it("is told with the reason and the cure, each a sentence of its own", () => {
    expect(temporalUnreachable("10.0.0.1:7233", new Error("Failed to connect before the deadline"))).toMatchObject({
      code: "TEMPORAL_UNREACHABLE",
      message:
        "Temporal cannot be reached at 10.0.0.1:7233: Failed to connect before the deadline. Start it, or set TEMPORAL_ADDRESS.",
    });
  });
});

describe("what a client rejects with", () => {
  it("is the fault that a workflow failed with", async () => {
    const failure = ApplicationFailure.create({ type: "JOB_RUNNING", message: "Another job runs." });
    const failed = new WorkflowFailedError("failed", failure, "NON_RETRYABLE_FAILURE");
    await expect(withFaults(() => Promise.reject(failed))).rejects.toMatchObject({
      name: "Fault",
      code: "JOB_RUNNING",
      message: "Another job runs.",
    });
  });

  it("is a fault as it is", () => {
    const fault = new Fault("ITEM_NOT_FOUND", "none");
    expect(toFault(fault)).toBe(fault);
  });

  it("says that Temporal does not answer, and where that is set", () => {
    const fault = toFault(new ServiceError("Failed to query", { cause: service(14, "connect ECONNREFUSED") }));
    expect(fault).toMatchObject({ code: "TEMPORAL_UNREACHABLE", message: expect.stringContaining("TEMPORAL_ADDRESS") });
    expect(toFault(service(3, "bad query")).code).toBe("INTERNAL");
  });

  it("says which namespace is missing, and that a client is refused", () => {
    expect(toFault(new NamespaceNotFoundError("nope"))).toMatchObject({
      code: "TEMPORAL_UNREACHABLE",
      message: expect.stringMatching(/^Temporal has no namespace “nope”\. /u),
    });
    expect(toFault(service(16, "no key"))).toMatchObject({
      code: "TEMPORAL_UNREACHABLE",
      message: expect.stringContaining("TEMPORAL_API_KEY"),
    });
  });

  it("is INTERNAL for what nobody has foreseen, with the cause kept", () => {
    const cause = ApplicationFailure.create({ type: "SomethingElse", message: "odd" });
    expect(toFault(cause)).toMatchObject({ code: "INTERNAL", message: "odd.", cause });
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  activeEnd,
  allowedOperations,
  begin,
  finish,
  interruptedBy,
  newLifecycle,
  observe,
  refusal,
  type JobFacts,
  type JobOutcome,
  type Lifecycle,
  type ReplicationEvent,
} from "#domain/lifecycle.ts";
import { lifecycleTable } from "#domain/lifecycle-table.ts";
import { operations, type OperationName } from "#domain/operations.ts";
import { protectionStates, type ProtectionState } from "#domain/states.ts";

const at = (state: ProtectionState, more: Partial<Lifecycle> = {}): Lifecycle => ({
  ...newLifecycle,
  hasRecoveryPoint: true,
  state,
  ...more,
});
const run = (
  lifecycle: Lifecycle,
  operation: OperationName,
  outcome: JobOutcome = "succeeded",
  facts: JobFacts = {},
): Lifecycle => {
  const job = { id: `job-${operation}`, operation };
  return finish(begin(lifecycle, job), job, outcome, facts);
};
const enabled = (): Lifecycle => observe(run(newLifecycle, "EnableProtection"), "initial-replication-done");

describe("the main story", () => {
  test("goes from unprotected over the initial replication to protected", () => {
    const seeding = run(newLifecycle, "EnableProtection");
    expect(seeding.state).toBe("initial-replication");
    expect(allowedOperations(seeding)).toEqual(["PauseReplication", "UpdatePolicy", "DisableProtection"]);
    expect(observe(seeding, "initial-replication-done")).toEqual(at("protected"));
  });

  test("fails over as planned, comes home, and is protected forward as at first", () => {
    const waiting = run(enabled(), "PlannedFailover");
    expect(waiting.state).toBe("commit-pending");
    expect(allowedOperations(waiting)).toEqual(["Commit", "CancelFailover"]);
    expect(activeEnd(waiting)).toBe("secondary");
    const away = run(waiting, "Commit");
    expect(away.state).toBe("failed-over-protected");
    const reversed = run(away, "ReverseReplicate");
    expect(reversed).toEqual(at("protected", { direction: "reverse" }));
    expect(activeEnd(reversed)).toBe("secondary");
    const home = run(run(reversed, "Failback"), "Commit");
    expect(home.state).toBe("failed-over-protected");
    expect(activeEnd(home)).toBe("primary");
    expect(run(home, "ReverseReplicate")).toEqual(enabled());
  });

  test("is not protected after an unplanned failover, and its reverse replication begins with a comparison when the old primary has no point", () => {
    const away = run(run(enabled(), "UnplannedFailover"), "Commit");
    expect(away.state).toBe("failed-over");
    expect(allowedOperations(away)).toEqual(["ReverseReplicate", "UpdatePolicy", "DisableProtection"]);
    const comparing = run(away, "ReverseReplicate", "succeeded", { hasRecoveryPoint: false });
    expect(comparing).toMatchObject({ state: "initial-replication", direction: "reverse", hasRecoveryPoint: false });
    expect(refusal(comparing, "UnplannedFailover")?.code).toBe("OPERATION_NOT_ALLOWED");
    expect(observe(comparing, "initial-replication-done").state).toBe("protected");
  });

  test("changes the point only of an unplanned failover and cancels only a planned one", () => {
    const planned = run(enabled(), "PlannedFailover");
    const unplanned = run(enabled(), "UnplannedFailover");
    expect(allowedOperations(unplanned)).toEqual(["Commit", "ChangePit"]);
    expect(run(unplanned, "ChangePit").state).toBe("commit-pending");
    expect(run(planned, "CancelFailover")).toEqual(enabled());
    expect(refusal(unplanned, "CancelFailover")?.message).toBe(
      "Cancel failover is not allowed after an unplanned failover: the source may be gone, so there is nothing certain to go back to. Allowed now: Commit, Change recovery point.",
    );
    expect(refusal(planned, "ChangePit")?.message).toContain("after a planned failover: its point is the last write");
  });
});

describe("an unplanned failover", () => {
  test.each(["protected", "paused", "resynchronization-required", "resynchronizing"] as const)(
    "is allowed in %s, in both directions",
    (state) => {
      for (const direction of ["forward", "reverse"] as const)
        expect(allowedOperations(at(state, { direction }))).toContain("UnplannedFailover");
    },
  );

  test("interrupts a resynchronization, whose late end then changes nothing", () => {
    const repair = { id: "repair-1", operation: "RepairReplication" } as const;
    const repairing = begin(at("resynchronization-required"), repair);
    expect(interruptedBy(repairing, "UnplannedFailover")).toEqual(repair);
    const failover = { id: "failover-1", operation: "UnplannedFailover" } as const;
    const failing = begin(repairing, failover);
    expect(finish(failing, repair, "succeeded")).toBe(failing);
    expect(finish(failing, failover, "failed").state).toBe("resynchronization-required");
  });

  test("is refused while another failover runs, by the job's name", () => {
    const failing = begin(enabled(), { id: "job/7", operation: "PlannedFailover" });
    expect(refusal(failing, "UnplannedFailover")).toEqual({
      code: "JOB_RUNNING",
      message:
        "Unplanned failover cannot start while the job job/7 (Planned failover) is running. Wait until it has ended, or cancel it.",
    });
  });

  test("leaves a standing test machine standing, to be cleaned up afterwards and before the commit", () => {
    const waiting = run(run(enabled(), "TestFailover"), "UnplannedFailover");
    expect(waiting.testFailover).toBe("waiting-for-cleanup");
    expect(allowedOperations(waiting)).toEqual(["TestFailoverCleanup", "ChangePit"]);
    expect(allowedOperations(run(waiting, "TestFailoverCleanup"))).toContain("Commit");
  });

  test("that fails after ownership moved waits for a commit or another point, before it goes back", () => {
    expect(run(enabled(), "UnplannedFailover", "failed", { ownershipMoved: true }).state).toBe("commit-pending");
    expect(run(at("paused"), "UnplannedFailover", "failed")).toEqual(at("paused"));
  });

  test("that may or may not have come about can be cancelled, until its machine is known to run", () => {
    const facts = { ownershipMoved: true, unconfirmed: true };
    const unknown = run(enabled(), "UnplannedFailover", "failed", facts);
    expect(allowedOperations(unknown)).toEqual(["Commit", "ChangePit", "CancelFailover"]);
    expect(run(unknown, "CancelFailover")).toEqual(enabled());
    expect(run(unknown, "CancelFailover", "failed")).toEqual(unknown);
    expect(run(unknown, "ChangePit", "failed")).toEqual(unknown);
    const known = run(unknown, "ChangePit");
    expect(known).toEqual(run(enabled(), "UnplannedFailover"));
    expect(run(unknown, "Commit")).toEqual(run(known, "Commit"));
  });
});

describe("a job that fails or is cancelled", () => {
  test.each([
    [newLifecycle, "EnableProtection", {}, newLifecycle],
    [at("protected"), "PlannedFailover", {}, at("protected")],
    [at("protected"), "PlannedFailover", { trackingLost: true }, at("resynchronization-required")],
    [at("protected"), "RepairReplication", {}, at("resynchronization-required")],
    [at("protected"), "PauseReplication", {}, at("protected")],
    [at("protected"), "TestFailover", {}, at("protected")],
    [
      at("protected"),
      "TestFailover",
      { testMachineLeft: true },
      at("protected", { testFailover: "waiting-for-cleanup" }),
    ],
    [at("protected"), "DisableProtection", { untouched: true }, at("protected")],
    [
      at("commit-pending", { failoverKind: "planned" }),
      "CancelFailover",
      {},
      at("commit-pending", { failoverKind: "planned" }),
    ],
    [at("commit-pending", { failoverKind: "planned" }), "CancelFailover", { failoverUndone: true }, at("protected")],
    [at("failed-over"), "ReverseReplicate", {}, at("failed-over")],
    [at("paused"), "ResumeReplication", {}, at("paused")],
  ] as const)("leads from %j by %s with %j to %j", (from, operation, facts, to) => {
    for (const outcome of ["failed", "cancelled"] as const) expect(run(from, operation, outcome, facts)).toEqual(to);
  });

  test("while disabling leaves only disabling again, and still knows where the machine runs", () => {
    const half = run(run(run(enabled(), "UnplannedFailover"), "Commit"), "DisableProtection", "failed");
    expect(allowedOperations(half)).toEqual(["DisableProtection"]);
    expect(activeEnd(half)).toBe("secondary");
    expect(run(half, "DisableProtection")).toEqual(newLifecycle);
  });

  test("is given up with force only, while a failover waits for its commit or a test machine stands", () => {
    const job = { id: "disable-1", operation: "DisableProtection" } as const;
    const stuck = [
      at("commit-pending", { failoverKind: "unplanned" }),
      at("protected", { testFailover: "waiting-for-cleanup" }),
    ];
    for (const lifecycle of stuck) {
      expect(allowedOperations(lifecycle)).not.toContain("DisableProtection");
      expect(() => begin(lifecycle, job)).toThrow("with force");
      const begun = begin(lifecycle, job, { force: true });
      expect(finish(begun, job, "succeeded")).toEqual(newLifecycle);
      expect(allowedOperations(finish(begun, job, "failed"))).toEqual(["DisableProtection"]);
    }
    expect(refusal(at("enabling"), "DisableProtection", { force: true })?.message).not.toContain("with force");
  });
});

describe("replication events", () => {
  test.each([
    ["protected", "tracking-lost", "resynchronization-required"],
    ["paused", "tracking-lost", "resynchronization-required"],
    ["failed-over-protected", "tracking-lost", "failed-over"],
    ["failing-over", "tracking-lost", "failing-over"],
    ["resynchronization-required", "resynchronization-started", "resynchronizing"],
    ["resynchronizing", "resynchronization-done", "protected"],
    ["resynchronizing", "resynchronization-failed", "resynchronization-required"],
    ["protected", "resynchronization-done", "protected"],
    ["commit-pending", "initial-replication-done", "commit-pending"],
  ] as const)("in %s: %s leads to %s", (state, event, next) => {
    expect(observe(at(state), event).state).toBe(next);
  });

  test("a lost replica leaves nothing to fail over to, until it is resynchronized", () => {
    const lost = observe(enabled(), "recovery-points-lost");
    expect(allowedOperations(lost)).toEqual(["RepairReplication", "UpdatePolicy", "DisableProtection"]);
    expect(run(lost, "RepairReplication")).toEqual(enabled());
  });

  test("a pause during the initial replication resumes into it", () => {
    const paused = run(run(newLifecycle, "EnableProtection"), "PauseReplication");
    expect(allowedOperations(paused)).toEqual(["ResumeReplication", "UpdatePolicy", "DisableProtection"]);
    expect(run(paused, "ResumeReplication").state).toBe("initial-replication");
  });
});

describe("every state × operation", () => {
  const lifecycles = fc.record({
    state: fc.constantFrom(...protectionStates),
    direction: fc.constantFrom("forward" as const, "reverse" as const),
    testFailover: fc.constantFrom("none" as const, "waiting-for-cleanup" as const),
    hasRecoveryPoint: fc.boolean(),
    failoverKind: fc.constantFrom("planned" as const, "unplanned" as const),
  });

  test("is either allowed and begins, or refused by a sentence and changes nothing", () => {
    fc.assert(
      fc.property(lifecycles, fc.constantFrom(...operations), (lifecycle, operation) => {
        const job = { id: "job", operation };
        const refused = refusal(lifecycle, operation);
        expect(allowedOperations(lifecycle).includes(operation)).toBe(refused === undefined);
        if (refused === undefined) {
          expect(lifecycleTable[lifecycle.state].operations).toContain(operation);
          expect(begin(lifecycle, job).job).toEqual(job);
        } else {
          const before = structuredClone(lifecycle);
          expect(() => begin(lifecycle, job)).toThrow(refused.message);
          expect(lifecycle).toEqual(before);
          expect(refused.message).toMatch(/^[A-Z].* is not allowed .+\. Allowed now: .+\.$/u);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("is refused by the running job's name while a job runs, but for a rescue", () => {
    for (const state of protectionStates)
      for (const operation of operations)
        for (const running of operations) {
          const refused = refusal(at(state, { job: { id: "job/1", operation: running } }), operation);
          if (refused === undefined) {
            expect(operation).toBe("UnplannedFailover");
            expect(["PlannedFailover", "UnplannedFailover", "Failback", "ReverseReplicate", "Commit"]).not.toContain(
              running,
            );
          } else if (refused.code === "JOB_RUNNING") expect(refused.message).toContain("job/1");
        }
  });
});

describe("everything reachable", () => {
  const events: readonly ReplicationEvent[] = [
    "initial-replication-started",
    "initial-replication-done",
    "tracking-lost",
    "resynchronization-started",
    "resynchronization-done",
    "resynchronization-failed",
    "recovery-points-lost",
  ];
  const factVariants: readonly JobFacts[] = [
    {},
    { hasRecoveryPoint: false },
    { hasRecoveryPoint: true },
    { ownershipMoved: true },
    { trackingLost: true },
    { testMachineLeft: true },
    { untouched: true },
  ];
  const next = (lifecycle: Lifecycle): readonly Lifecycle[] => [
    ...events.map((event) => observe(lifecycle, event)),
    ...allowedOperations(lifecycle).map((operation) => begin(lifecycle, { id: operation, operation })),
    ...(["succeeded", "failed", "cancelled"] as const).flatMap((outcome) =>
      factVariants.map((facts) =>
        lifecycle.job === undefined ? lifecycle : finish(lifecycle, lifecycle.job, outcome, facts),
      ),
    ),
  ];
  const key = (lifecycle: Lifecycle): string =>
    JSON.stringify(lifecycle, Object.keys({ ...lifecycle, id: 0, operation: 0 }).sort());
  const seen = new Map<string, Lifecycle>([[key(newLifecycle), newLifecycle]]);
  const leadsTo = new Map<string, readonly string[]>();
  for (const [name, lifecycle] of seen) {
    const successors = next(lifecycle);
    leadsTo.set(name, successors.map(key));
    for (const successor of successors) if (!seen.has(key(successor))) seen.set(key(successor), successor);
  }

  test("covers every state there is", () => {
    expect(seen.size).toBeGreaterThan(100);
    expect(new Set(seen.values().map((lifecycle) => lifecycle.state))).toEqual(new Set(protectionStates));
  });

  test("can come to protected or unprotected again", () => {
    const good = new Set(
      [...seen]
        .filter(([, { state, job }]) => job === undefined && (state === "protected" || state === "unprotected"))
        .map(([name]) => name),
    );
    for (let grown = true; grown;) {
      grown = false;
      for (const [name, successors] of leadsTo)
        if (!good.has(name) && successors.some((successor) => good.has(successor))) {
          good.add(name);
          grown = true;
        }
    }
    expect([...seen.keys()].filter((name) => !good.has(name))).toEqual([]);
  });

  test("never rests in a state that only a running job explains", () => {
    const passing = ["enabling", "failing-over", "reversing"];
    expect([...seen.values()].filter(({ state, job }) => job === undefined && passing.includes(state))).toEqual([]);
  });

  test("always has something to do, or a job that runs", () => {
    for (const lifecycle of seen.values())
      expect(lifecycle.job !== undefined || allowedOperations(lifecycle).length > 0).toBe(true);
  });

  test("remembers a state to go back to only on the way", () => {
    for (const { state, before } of seen.values())
      expect(before !== undefined).toBe(["failing-over", "reversing", "disabling"].includes(state));
  });

  test("is protected or fails over only where a recovery point exists", () => {
    for (const { state, hasRecoveryPoint } of seen.values())
      if (["protected", "commit-pending", "failed-over", "failed-over-protected"].includes(state))
        expect(hasRecoveryPoint).toBe(true);
  });
});

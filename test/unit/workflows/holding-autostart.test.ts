import { describe, expect, it } from "vitest";
import { machineId } from "#domain/ids.ts";
import { protectionStates, type ProtectionState } from "#domain/states.ts";
import { faultFrom } from "#workflows/failure.ts";
import { ask } from "#workflows/item/jobs.ts";
import { fails, heldElsewhere, heldHere, stillHeld } from "#workflows/item/holding-autostart.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { newItem } from "#workflows/job/enlist.ts";
import { app, configuration } from "#test/unit/workflows/examples.ts";

const fresh = newItem(configuration, app);
const { site, host } = fresh.sides.primary;
const here = { site, host, machine: machineId("m") };
const item: ItemState = {
  ...fresh,
  configuration: { ...fresh.configuration, autostart: "understudy" },
  sides: { ...fresh.sides, primary: { ...fresh.sides.primary, machine: { id: here.machine, name: "app1" } } },
  held: [here],
};
const within = (state: ProtectionState, change: Partial<ItemState> = {}): ItemState => ({
  ...item,
  ...change,
  lifecycle: { ...item.lifecycle, state, hasRecoveryPoint: true },
});
const statesIn = (holds: (state: ItemState) => boolean) => protectionStates.filter((state) => holds(within(state)));

describe("the start of a machine with its host", () => {
  it("is held where the machine replicates from, and in no state in which it may have moved", () => {
    expect(statesIn((state) => heldHere(state) !== undefined)).toEqual([
      "initial-replication",
      "protected",
      "paused",
      "resynchronization-required",
      "resynchronizing",
    ]);
    expect(heldHere(within("protected"))).toEqual(here);
  });

  it("is given back when nothing is protected any more, and never once the machine has moved", () => {
    expect(statesIn((state) => heldElsewhere({ ...state, held: stillHeld(state) ?? [] }) !== undefined)).toEqual([
      "unprotected",
    ]);
    expect(statesIn((state) => stillHeld(state)?.length === 0)).toEqual([
      "commit-pending",
      "failed-over",
      "failed-over-protected",
    ]);
  });

  it("is given back where the configuration leaves it to the host, and where the item is not any more", () => {
    const left = within("protected", { configuration: fresh.configuration });
    expect([heldHere(left), heldElsewhere(left)]).toEqual([undefined, here]);
    const elsewhere = { ...here, machine: machineId("other") };
    expect(heldElsewhere(within("failed-over", { held: [elsewhere] }))).toEqual(elsewhere);
  });

  it("is no trouble of a machine that has moved: nobody is told to start the old primary by hand", () => {
    const fault = faultFrom("WORKER_UNAVAILABLE", "The worker was not heard of in time.");
    expect(fails(within("protected"), here, fault).health).toMatchObject([{ code: "WORKER_UNAVAILABLE" }]);
    for (const state of ["failing-over", "commit-pending", "failed-over", "failed-over-protected"] as const)
      expect(fails(within(state), here, fault).health).toEqual([]);
    expect(fails(within("unprotected"), here, fault).health).toHaveLength(1);
  });

  it("is left as it is while a job moves the machine, and by no other", () => {
    for (const operation of ["PlannedFailover", "UnplannedFailover", "DisableProtection"] as const) {
      const { state } = ask(within("protected"), { jobId: "job-1", runId: "run", operation });
      expect([heldHere(state), heldElsewhere(state)]).toEqual([undefined, undefined]);
    }
    const { state } = ask(within("protected"), { jobId: "job-1", runId: "run", operation: "TestFailover" });
    expect(heldHere(state)).toEqual(here);
  });

  it("is nothing to an item that began before there was such", () => {
    const { held: _held, ...before } = within("protected", { configuration: fresh.configuration });
    expect([heldHere(before), heldElsewhere(before), stillHeld(before)]).toEqual([undefined, undefined, undefined]);
  });
});

import { describe, expect, it } from "vitest";
import { cutId, failoverId, instant, machineId } from "#domain/ids.ts";
import { pendingFences, withEarlierFences, workableFences } from "#workflows/item/earlier-fences.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { newItem } from "#workflows/job/enlist.ts";
import { app, configuration } from "#test/unit/workflows/examples.ts";

const fresh = newItem(configuration, app);
const replicating: ItemState = {
  ...fresh,
  lifecycle: { ...fresh.lifecycle, state: "protected", hasRecoveryPoint: true },
};

describe("an item's fences", () => {
  it("are kept apart from those of an earlier protection, until a failover lawfully takes such a place", () => {
    const { primary, secondary } = replicating.sides;
    const machine = { id: machineId("m"), name: "app1" };
    const [here, there] = [
      { ...primary, machine },
      { ...secondary, machine },
    ];
    const fence = { site: primary.site, host: primary.host, machine: machine.id, epoch: 2 };
    const own: ItemState = { ...replicating, sides: { primary: here, secondary }, fence };
    expect(withEarlierFences(own)).toBe(own);
    const turned: ItemState = { ...own, sides: { primary: there, secondary: primary } };
    const kept = withEarlierFences(turned);
    expect(kept).toMatchObject({ fence: null, earlierFences: [fence] });
    expect(pendingFences(kept)).toEqual([fence]);
    expect(withEarlierFences(kept)).toBe(kept);
    expect(withEarlierFences({ ...kept, fence: { ...fence, ...secondary, machine: machine.id } })).toMatchObject({
      fence: { site: secondary.site },
      earlierFences: [fence],
    });
    const point = { id: cutId("c1"), takenAt: instant(0) };
    const failover = { id: failoverId("f1"), kind: "unplanned", point, sourceContent: null } as const;
    expect(workableFences(kept)).toEqual([fence]);
    expect(workableFences({ ...kept, failover })).toEqual([]);
    const moved: ItemState = {
      ...kept,
      failover,
      lifecycle: { ...kept.lifecycle, state: "commit-pending" },
      sides: { primary: there, secondary: here },
    };
    expect(withEarlierFences(moved).earlierFences).toEqual([]);
  });
});

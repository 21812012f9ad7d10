import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CutDescription } from "#domain/cut.ts";
import { cutId, diskId, instant, itemName, replicaId } from "#domain/ids.ts";
import { chainOf, isContinued, nextMerge, withMerged, withSealed } from "#platforms/libvirt/target/chain.ts";
import { planBegin } from "#platforms/libvirt/target/incoming-plan.ts";
import { replicaLayout } from "#platforms/libvirt/target/layout.ts";
import type { StoredReplica } from "#platforms/libvirt/target/stored-replica.ts";
import { storedActivation, storedReplica } from "#test/support/stored-replica.ts";

const vda = diskId("vda");
const layout = replicaLayout("/store", replicaId("app1"));

const empty = storedReplica();

const cutOf = (number: number, disks: readonly string[] = ["vda"], sizeBytes = 65_536): CutDescription => ({
  id: cutId(`c${number}`),
  item: itemName("app1"),
  epoch: 1,
  takenAt: instant(Date.UTC(2026, 0, 1) + number * 60_000),
  consistency: "crash-consistent",
  disks: disks.map((id) => ({ id: diskId(id), sizeBytes })),
  definition: "<domain/>",
});

/** begin and seal, as the state sees them. */
const receive = (
  state: StoredReplica,
  cut: CutDescription,
  options: { readonly keep: boolean; readonly full?: boolean },
): { readonly state: StoredReplica; readonly forgotten: readonly string[] } => {
  const base = state.layers.at(-1)?.cut;
  const full = options.full === true || base === undefined;
  const begun =
    planBegin(state, { cut, mode: full ? "full" : "delta", ...(!full && { base }) }, layout)?.state ?? state;
  if (begun.incoming === undefined) throw new Error("nothing was begun");
  const digests = Object.fromEntries(cut.disks.map(({ id }) => [id, "delta" as const]));
  return withSealed(begun, {
    cut,
    keep: options.keep,
    retentionSeconds: 86_400,
    nowMs: Date.parse(cut.takenAt),
    digests,
    incoming: begun.incoming,
  });
};

const points = (state: StoredReplica): readonly (string | undefined)[] =>
  state.layers.filter(({ point }) => point).map(({ cut }) => cut);

describe("a replica's chain of layers", () => {
  it("forgets the newest delta for the next one, unless it is kept", () => {
    const kept = receive(empty, cutOf(1), { keep: true }).state;
    const held = receive(kept, cutOf(2), { keep: false }).state;
    const { state, forgotten } = receive(held, cutOf(3), { keep: false });
    expect(points(state)).toEqual(["c1", "c3"]);
    expect(forgotten).toEqual(["c2"]);
    expect(nextMerge(state)).toMatchObject({ lower: { layer: 1 }, upper: { layer: 2 } });
  });

  it("forgets no point that a machine is being made of until that has gone", () => {
    const held = receive(empty, cutOf(1), { keep: false }).state;
    const used = { ...held, activations: [storedActivation({ kind: "test", point: cutId("c1"), layer: 0 })] };
    const sealed = receive(used, cutOf(2), { keep: false });
    expect(points(sealed.state)).toEqual(["c1", "c2"]);
    expect(sealed.forgotten).toEqual([]);
    const later = receive({ ...sealed.state, activations: [] }, cutOf(3), { keep: false });
    expect(points(later.state)).toEqual(["c3"]);
    expect(later.forgotten).toEqual(["c1", "c2"]);
  });

  it("merges nothing that a machine runs on", () => {
    const sealed = [1, 2, 3].reduce((state, number) => receive(state, cutOf(number), { keep: false }).state, empty);
    expect(nextMerge({ ...sealed, pinnedUpTo: 1 })).toBeUndefined();
    expect(nextMerge({ ...sealed, pinnedUpTo: 0 })).toMatchObject({ lower: { layer: 1 } });
  });

  it("gives the merged layer the upper one's number and the lower one's ground", () => {
    const sealed = [1, 2, 3].reduce(
      (state, number) => receive(state, cutOf(number), { keep: number !== 2 }).state,
      empty,
    );
    const merge = nextMerge(sealed);
    if (merge === undefined) throw new Error("nothing to merge");
    const merged = withMerged(sealed, merge);
    expect(merged.layers.map(({ layer, disks }) => [layer, disks[vda]?.backing])).toEqual([
      [0, -1],
      [2, 0],
    ]);
    expect(chainOf(merged, 2, vda).map(({ layer }) => layer)).toEqual([2, 0]);
  });

  it("throws the lower image away where a full copy or a removed disk lies above it", () => {
    const first = receive(empty, cutOf(1, ["vda", "vdb"]), { keep: false }).state;
    const full = receive(first, cutOf(2), { keep: false, full: true }).state;
    const merge = nextMerge(full);
    if (merge === undefined) throw new Error("nothing to merge");
    expect([isContinued(merge, vda), isContinued(merge, diskId("vdb"))]).toEqual([false, false]);
    expect(withMerged(full, merge).layers).toHaveLength(1);
  });

  it("begins a new disk by itself and a grown one on what it had", () => {
    const first = receive(empty, cutOf(1), { keep: true }).state;
    const grown = receive(
      first,
      {
        ...cutOf(2),
        disks: [
          { id: vda, sizeBytes: 131_072 },
          { id: diskId("vdb"), sizeBytes: 65_536 },
        ],
      },
      { keep: true },
    ).state;
    expect(grown.layers[1]?.disks).toMatchObject({ vda: { backing: 0, sizeBytes: 131_072 }, vdb: { backing: -1 } });
  });

  it("refuses a disk that became smaller, and changes since a cut it does not have", () => {
    const first = receive(empty, cutOf(1, ["vda"], 131_072), { keep: true }).state;
    expect(() => planBegin(first, { cut: cutOf(2), mode: "delta", base: cutId("c1") }, layout)).toThrow(
      /has become smaller: 65536 bytes, and 131072/,
    );
    expect(() => planBegin(first, { cut: cutOf(2), mode: "delta", base: cutId("c0") }, layout)).toThrow(
      "Replica app1 cannot take changes since cut c0: its newest content is cut c1. Resynchronize it.",
    );
  });

  it("takes a standing delta up under a later cut, and begins anew where its base or disks differ", () => {
    const first = receive(empty, cutOf(1), { keep: true }).state;
    const begun = planBegin(first, { cut: cutOf(2), mode: "delta", base: cutId("c1") }, layout)?.state ?? first;
    expect(planBegin(begun, { cut: cutOf(3), mode: "delta", base: cutId("c1") }, layout)).toBeUndefined();
    const anew = planBegin(begun, { cut: cutOf(3, ["vda", "vdb"]), mode: "delta", base: cutId("c1") }, layout);
    expect(anew?.state.incoming).toMatchObject({ layer: 2, cut: "c3" });
    expect(anew?.operations?.[0]).toEqual({ kind: "drop", path: "/store/replicas/app1/disks/vda/L000001.qcow2" });
  });

  it("stays short while a test machine stands for days, although nothing beneath that can be merged", () => {
    const mergeAll = (state: StoredReplica): StoredReplica => {
      const merge = nextMerge(state);
      return merge === undefined ? state : mergeAll(withMerged(state, merge));
    };
    // A point every five minutes, and deltas between; the machine is made of the newest one of the first two days.
    const live = (state: StoredReplica, from: number, hours: number): readonly StoredReplica[] => {
      const states = [state];
      for (let minute = from; minute < from + hours * 60; minute += 1)
        states.push(mergeAll(receive(states.at(-1) ?? state, cutOf(minute), { keep: minute % 5 === 0 }).state));
      return states;
    };
    const before = live(empty, 0, 48).at(-1) ?? empty;
    const pin = before.layers.at(-1)?.layer ?? -1;
    expect(before.layers.length).toBeGreaterThan(40);
    const during = live({ ...before, pinnedUpTo: pin }, 2_880, 48);
    const standing = during.at(-1) ?? before;
    // Beside what it stands on there is the newest kept point, and the newest delta.
    expect(Math.max(...during.map(({ layers }) => layers.length))).toBeLessThanOrEqual(50);
    expect(points(standing).slice(-2)).toEqual(["c5755", "c5759"]);
    // Points that would make no room stay for as long as the retention has them.
    expect(points(during[60] ?? before).length).toBeGreaterThan(30);
    const after = live({ ...standing, pinnedUpTo: -1 }, 5_760, 24).at(-1) ?? standing;
    expect(after.layers.length).toBeLessThanOrEqual(48);
    expect(points(after).length).toBeGreaterThan(40);
  });

  it("keeps every listed point's content and at most 48 layers, whatever is kept, merged and pinned in whatever order", () => {
    const step = fc.record({ keep: fc.boolean(), merges: fc.nat(3), pin: fc.option(fc.nat(60), { freq: 6 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let state = empty;
        // What each image file holds: the numbers of the deltas in it. A point is whole when its chain holds all deltas up to it.
        const files = new Map<number, Set<number>>();
        for (const [number, { keep, merges, pin }] of steps.entries()) {
          state = receive(state, cutOf(number), { keep }).state;
          files.set(state.layers.at(-1)?.layer ?? -1, new Set([number]));
          state = { ...state, pinnedUpTo: pin ?? -1 };
          for (let count = 0; count < merges; count += 1) {
            const merge = nextMerge(state);
            if (merge === undefined) break;
            expect(merge.lower.layer).toBeGreaterThan(state.pinnedUpTo);
            const lower = files.get(merge.lower.layer) ?? new Set();
            files.set(merge.upper.layer, new Set([...lower, ...(files.get(merge.upper.layer) ?? [])]));
            files.delete(merge.lower.layer);
            state = withMerged(state, merge);
          }
          for (const layer of state.layers.filter(({ point }) => point)) {
            const held = chainOf(state, layer.layer, vda).flatMap((each) => [...(files.get(each.layer) ?? [])]);
            expect(held.toSorted((one, other) => one - other)).toEqual(
              Array.from({ length: Number(layer.cut?.slice(1)) + 1 }, (_, index) => index),
            );
          }
          expect(state.layers.filter(({ point }) => point).length).toBeLessThanOrEqual(48);
        }
      }),
      { numRuns: 60 },
    );
  });
});

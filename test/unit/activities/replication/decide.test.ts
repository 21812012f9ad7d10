import { expect, test } from "vitest";
import type { Known } from "#activities/replication/decide.ts";
import { decide } from "#activities/replication/decide.ts";
import type { CutId, DiskId } from "#domain/ids.ts";
import { cutId, diskId, instant, itemName } from "#domain/ids.ts";
import type { StandingCut } from "#platforms/platform.ts";
import type { IncomingState } from "#transfer/replica.ts";

const [vda, vdb] = [diskId("vda"), diskId("vdb")];
const gib = 2 ** 30;

/** A cut `c9` of two disks, with the cuts since which each one's changes are known. */
const cut = (trackedSince: Readonly<Record<string, readonly string[]>> = {}): StandingCut => ({
  description: {
    id: cutId("c9"),
    item: itemName("app1"),
    epoch: 1,
    takenAt: instant(0),
    consistency: "crash-consistent",
    disks: [vda, vdb].map((id) => ({ id, sizeBytes: gib })),
    definition: "",
  },
  trackedSince: trackedSince as Readonly<Record<DiskId, readonly CutId[]>>,
  frozenMs: 0,
  pausedMs: 0,
});
const both = (...cuts: readonly string[]) => cut({ vda: cuts, vdb: cuts });

const incoming = (state: {
  readonly mode: IncomingState["mode"];
  readonly cut?: string;
  readonly base?: string;
  readonly offsets?: Readonly<Record<string, number>>;
}): IncomingState => ({
  cut: cutId(state.cut ?? "c5"),
  mode: state.mode,
  ...(state.base !== undefined && { base: cutId(state.base) }),
  resumeOffsets: state.offsets ?? {},
});
const replica = (over: Partial<Known> = {}): Known => ({
  disks: [vda, vdb].map((id) => ({ id, sizeBytes: gib })),
  ...over,
});
const whole = (disk: DiskId) => ({ disk, sizeBytes: gib, verb: "copy", from: 0 });

test("A replica with a carried copy is seeded by comparing, and goes on where it was", () => {
  const carried = replica({ unproven: true });
  const compared = { sizeBytes: gib, verb: "compare" };
  expect(decide("seed", carried, both())).toMatchObject({
    mode: "resynchronize",
    disks: [
      { disk: vda, ...compared, from: 0 },
      { disk: vdb, ...compared, from: 0 },
    ],
  });
  const begun = incoming({ mode: "resynchronize", cut: "c9", offsets: { vda: 4096 } });
  expect(decide("seed", { ...carried, incoming: begun }, both())).toMatchObject({
    mode: "resynchronize",
    disks: [
      { disk: vda, ...compared, from: 4096 },
      { disk: vdb, ...compared, from: 0 },
    ],
  });
});

test("An empty replica is seeded whole", () => {
  expect(decide("seed", replica({ disks: [] }), both())).toEqual({
    kind: "receive",
    mode: "full",
    discard: false,
    disks: [whole(vda), whole(vdb)],
  });
});

test("A seed of the same cut goes on at its offsets", () => {
  const known = replica({ incoming: incoming({ mode: "full", cut: "c9", offsets: { vda: gib, vdb: 4096 } }) });
  expect(decide("seed", known, both())).toMatchObject({
    disks: [
      { ...whole(vda), from: gib },
      { ...whole(vdb), from: 4096 },
    ],
  });
});

test("A seed that began under an earlier cut goes on, and sends again what changed since that one", () => {
  const known = replica({ incoming: incoming({ mode: "full", offsets: { vda: 4096 } }) });
  expect(decide("seed", known, both("c5"))).toMatchObject({
    disks: [{ ...whole(vda), from: 4096, again: "c5" }, whole(vdb)],
  });
});

test("A seed whose earlier cut nobody has on record compares with what is there", () => {
  const known = replica({ incoming: incoming({ mode: "full", offsets: { vda: 4096 } }) });
  expect(decide("seed", known, both())).toMatchObject({ disks: [{ ...whole(vda), verb: "compare" }, whole(vdb)] });
});

test("A delta starts at the last cut, and only at the last cut", () => {
  expect(decide("run", replica({ lastCut: cutId("c8") }), both("c7", "c8"))).toEqual({
    kind: "receive",
    mode: "delta",
    base: "c8",
    discard: false,
    disks: [
      { ...whole(vda), since: "c8" },
      { ...whole(vdb), since: "c8" },
    ],
  });
  expect(decide("run", replica({ lastCut: cutId("c8") }), both("c7"))).toMatchObject({ kind: "refuse" });
});

test("A seed of a replica that has a point already sends what changed since, and compares where that is not on record", () => {
  const known = replica({ lastCut: cutId("c8") });
  expect(decide("seed", known, both("c8"))).toMatchObject({ mode: "delta", base: "c8" });
  expect(decide("seed", known, both())).toMatchObject({
    mode: "resynchronize",
    disks: [
      { disk: vda, verb: "compare", from: 0 },
      { disk: vdb, verb: "compare", from: 0 },
    ],
  });
});

test("A broken-off delta over the same base goes on; over another base, or unproven, it is thrown away", () => {
  const known = (base: string) =>
    replica({ lastCut: cutId("c4"), incoming: incoming({ mode: "delta", base, offsets: { vda: 8192 } }) });
  expect(decide("run", known("c4"), both("c4", "c5"))).toMatchObject({
    discard: false,
    disks: [
      { since: "c4", from: 8192, again: "c5" },
      { since: "c4", from: 0 },
    ],
  });
  const afresh = {
    disks: [
      { since: "c4", from: 0 },
      { since: "c4", from: 0 },
    ],
  };
  expect(decide("run", known("c4"), both("c4"))).toMatchObject({ discard: true, ...afresh });
  expect(decide("run", known("c3"), both("c4", "c5"))).toMatchObject({ ...afresh });
});

test("A disk the replica has never had is sent whole beside the others' changes", () => {
  const known = replica({ lastCut: cutId("c8"), disks: [{ id: vda, sizeBytes: gib }] });
  expect(decide("run", known, cut({ vda: ["c8"], vdb: [] }))).toMatchObject({
    mode: "delta",
    disks: [{ disk: vda, since: "c8" }, whole(vdb)],
  });
});

test("A disk whose record alone is lost is compared", () => {
  expect(decide("run", replica({ lastCut: cutId("c8") }), cut({ vda: ["c8"], vdb: [] }))).toMatchObject({
    mode: "delta",
    disks: [
      { disk: vda, verb: "copy", since: "c8" },
      { disk: vdb, verb: "compare", from: 0 },
    ],
  });
});

test.each(["run", "final"] as const)("A %s refuses a replica without a last cut", (mode) => {
  expect(decide(mode, replica(), both("c8"))).toMatchObject({ kind: "refuse" });
});

test("A resynchronization compares everything, and goes on where it was when that is proven", () => {
  expect(decide("resynchronize", replica({ lastCut: cutId("c1") }), both())).toMatchObject({
    mode: "resynchronize",
    disks: [
      { verb: "compare", from: 0 },
      { verb: "compare", from: 0 },
    ],
  });
  const known = replica({ incoming: incoming({ mode: "resynchronize", offsets: { vda: 8192, vdb: 8192 } }) });
  expect(decide("resynchronize", known, cut({ vda: ["c5"], vdb: [] }))).toMatchObject({
    disks: [
      { verb: "compare", from: 8192, again: "c5" },
      { verb: "compare", from: 0 },
    ],
  });
});

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import { interruption } from "../lifecycle/interruption.ts";
import { machineLoad } from "../lifecycle/load.ts";
import { type BenchStage, buildStage, lyon, paris } from "../lifecycle/stage.ts";
import { hostVersions } from "../lifecycle/versions.ts";
import type { Bench } from "../main.ts";
import { median, rounded, type Measure } from "../measure.ts";
import { exposureAt, quantile, recordIn, type SeenRecord, type UsablePoint } from "./exposure.ts";
import { guestPace, type GuestPace, recordsOf } from "./guest-pace.ts";
import { judge } from "./judge.ts";
import { type SealedPoint, watchPoints } from "./sealed-points.ts";

const mib = 1024 * 1024;
/** MB/s, and what is promised at that rate. */
const rates: readonly { readonly rate: number; readonly goal?: { readonly p50: number; readonly p99: number } }[] = [
  { rate: 1 },
  { rate: 10, goal: { p50: 3, p99: 10 } },
  { rate: 40 },
];
const defaultSeconds = 60;
/** How long the guest is watched without replication. */
const aloneSeconds = 10;
/** After a change of rate, until the cycles have come to a steady state. */
const settleMs = 6_000;
const sampleMs = 50;

/** How old what a failover brings back is, at any moment: a machine that writes, replicated back to back by the real workers. */
export const rpoBench: Bench = {
  summary:
    "Measured RPO on two real hosts, policy continuous: at every moment, the age of the newest write acknowledged outside the guest that is in the newest point a recovery would find.",
  async run({ only, seconds = defaultSeconds, say }) {
    const chosen = chosenRates(only);
    using interrupted = interruption();
    const { signal } = interrupted;
    await using stage = await buildStage({
      name: "rpo",
      policy: { intervalSeconds: 0, scratchPercent: 60 },
      machine: {
        memoryMib: 512,
        disks: [{ sizeBytes: 1024 * mib, blobBytes: 512 * mib }],
        settings: { intervalMs: 20, blockKib: 64 },
      },
      say,
      signal,
    });
    const alone = new Map<number, GuestPace>();
    for (const { rate } of chosen) {
      say(`The guest alone, at ${rate} MB/s, for ${aloneSeconds} s …`);
      await setRate(stage, rate);
      await sleep(2_000, undefined, { signal });
      alone.set(rate, await guestPace(watched(stage), aloneSeconds, signal));
    }
    say("Protecting it: initial replication …");
    await setRate(stage, 1);
    await stage.run("EnableProtection");
    await stage.until("protected", ({ state, lastCycle }) => state === "protected" && lastCycle !== undefined);

    const measures: Measure[] = [];
    for (const { rate, goal } of chosen) {
      say(`Replicated at ${rate} MB/s, sampled for ${seconds} s …`);
      await setRate(stage, rate);
      await sleep(settleMs, undefined, { signal });
      const run = await sampled(stage, { seconds, signal });
      say(`  judging the last point at ${rate} MB/s by the oracle …`);
      const checked = await verifyLast(stage, signal);
      measures.push(...told({ rate, goal, run, checked, alone: alone.get(rate) }));
    }
    return [...measures, machineLoad(), ...(await hostVersions())];
  },
};

const chosenRates = (only: readonly string[] | undefined): typeof rates => {
  const unknown = only?.find((word) => !rates.some(({ rate }) => `${rate}` === word));
  if (unknown !== undefined)
    throw new Fault("INVALID_INPUT", `There is no rate "${unknown}"; there are 1, 10 and 40 (MB/s).`);
  return rates.filter(({ rate }) => only === undefined || only.includes(`${rate}`));
};

const setRate = (stage: BenchStage, megabytes: number): Promise<void> =>
  stage.guest(paris).set({ rateKibPerSecond: Math.round((megabytes * 1e6) / 1024) });

const watched = (stage: BenchStage) => ({ guest: stage.guest(paris), observer: stage.observer });

interface Run {
  readonly exposures: readonly number[];
  readonly points: readonly SealedPoint[];
  readonly pace: GuestPace;
  readonly wireBytesPerSecond: number;
}

const sampled = async (
  stage: BenchStage,
  { seconds, signal }: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<Run> => {
  await using watcher = await watchPoints(stage.host(lyon));
  // A point of after the beginning: what was there before has no known moment of sealing.
  const before = watcher.points().length;
  await waitFor(() => watcher.points().length > before, signal);
  const wireBefore = await wireBytes(stage);
  const began = Date.now();
  const pace = await guestPace(watched(stage), seconds, signal);
  const ended = Date.now();
  const wire = (await wireBytes(stage)) - wireBefore;
  const seen = { records: recordsOf(stage.observer), points: usable(watcher.points()) };
  const exposures: number[] = [];
  for (let now = began; now < ended; now += sampleMs) {
    const exposure = exposureAt(seen, now);
    if (exposure !== undefined) exposures.push(exposure);
  }
  const points = watcher.points().filter(({ seenAt }) => seenAt >= began && seenAt < ended);
  return { exposures, points, pace, wireBytesPerSecond: (wire / (ended - began)) * 1000 };
};

const waitFor = async (holds: () => boolean, signal: AbortSignal): Promise<void> => {
  const deadline = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Fault("INTERNAL", "No recovery point was sealed within 60 s.");
    await sleep(20, undefined, { signal });
  }
};

const usable = (points: readonly SealedPoint[]): readonly UsablePoint[] =>
  points.map(({ point, seenAt }) => ({ takenAt: Date.parse(point.takenAt), usableAt: seenAt }));

/** What has left the source's site over its line, by the kernel's count. */
const wireBytes = async (stage: BenchStage): Promise<number> =>
  Number(await readFile(`/sys/class/net/${stage.lab.site("paris").uplink.core}/statistics/rx_bytes`, "utf8"));

interface Checked {
  readonly ok: boolean;
  /** Records in the point beyond the one it was said to contain: the estimate is honest when this is not below 0. */
  readonly more: number;
  readonly problems: readonly string[];
}

/** Holds the replication, and has the oracle say what is in the newest point. */
const verifyLast = async (stage: BenchStage, signal: AbortSignal): Promise<Checked> => {
  await stage.run("PauseReplication");
  await using watcher = await watchPoints(stage.host(lyon));
  const last = watcher
    .points()
    .toSorted((a, b) => a.point.takenAt.localeCompare(b.point.takenAt))
    .at(-1);
  if (last === undefined) throw new Fault("POINT_NOT_FOUND", "The replica has no point to judge.");
  const estimate: SeenRecord | undefined = recordIn(recordsOf(stage.observer), Date.parse(last.point.takenAt));
  const verdict = await judge(stage.host(lyon), last, signal);
  await stage.run("ResumeReplication");
  return { ok: verdict.ok, more: verdict.head - (estimate?.seq ?? 0), problems: verdict.problems };
};

const told = (of: {
  readonly rate: number;
  readonly goal: { readonly p50: number; readonly p99: number } | undefined;
  readonly run: Run;
  readonly checked: Checked;
  readonly alone: GuestPace | undefined;
}): readonly Measure[] => {
  const { rate, goal, run, checked, alone } = of;
  const { points, pace, exposures } = run;
  const at = `${rate} MB/s`;
  const seconds = (ms: number): number => rounded(ms / 1000);
  const megabytes = (bytes: number): number => rounded(bytes / 1e6);
  const cycles = points.slice(1).map(({ seenAt }, index) => seenAt - (points[index]?.seenAt ?? seenAt));
  const behind = points.map(({ point, seenAt }) => seenAt - Date.parse(point.takenAt));
  const churn = points.reduce((sum, { point }) => sum + point.deltaBytes, 0) / Math.max(1, points.length);
  return [
    {
      name: `${at}: RPO, p50`,
      value: seconds(quantile(exposures, 0.5)),
      unit: "s",
      ...(goal && { goal: `<= ${goal.p50}` as const }),
    },
    {
      name: `${at}: RPO, p99`,
      value: seconds(quantile(exposures, 0.99)),
      unit: "s",
      ...(goal && { goal: `<= ${goal.p99}` as const }),
    },
    { name: `${at}: RPO, worst`, value: seconds(Math.max(...exposures)), unit: "s" },
    { name: `${at}: cycles`, value: points.length, unit: "" },
    { name: `${at}: from one point to the next, median`, value: seconds(median(cycles)), unit: "s" },
    { name: `${at}: from cut to usable, median`, value: seconds(median(behind)), unit: "s" },
    { name: `${at}: changed data a point, mean`, value: megabytes(churn), unit: "MB" },
    { name: `${at}: on the wire`, value: megabytes(run.wireBytesPerSecond), unit: "MB/s" },
    { name: `${at}: guest writes, replicated`, value: megabytes(pace.bytesPerSecond), unit: "MB/s" },
    ...(alone === undefined
      ? []
      : [
          { name: `${at}: guest writes, alone`, value: megabytes(alone.bytesPerSecond), unit: "MB/s" },
          {
            name: `${at}: replicated against alone`,
            value: rounded(pace.bytesPerSecond / alone.bytesPerSecond),
            unit: "x",
            goal: ">= 0.95" as const,
          },
          { name: `${at}: a durable record takes, alone (median)`, value: seconds(alone.medianGapMs), unit: "s" },
        ]),
    { name: `${at}: a durable record takes, replicated (median)`, value: seconds(pace.medianGapMs), unit: "s" },
    { name: `${at}: longest wait for a durable record`, value: seconds(pace.longestGapMs), unit: "s" },
    {
      name: `${at}: last point, by the oracle`,
      value: checked.ok ? "one instant, whole" : `damaged: ${checked.problems.slice(0, 2).join(" ")}`,
      unit: "",
    },
    { name: `${at}: records in it beyond the estimate`, value: checked.more, unit: "", goal: ">= 0" },
  ];
};

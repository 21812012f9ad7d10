import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import type { SiteName } from "#domain/ids.ts";
import type { JobView } from "#domain/job.ts";
import { interruption } from "../lifecycle/interruption.ts";
import { machineLoad } from "../lifecycle/load.ts";
import { type BenchStage, buildStage, lyon, paris } from "../lifecycle/stage.ts";
import { hostVersions } from "../lifecycle/versions.ts";
import type { Bench } from "../main.ts";
import { median, rounded, type Measure } from "../measure.ts";
import { untilServing } from "./serving.ts";

const mib = 1024 * 1024;
const kinds = ["planned", "unplanned"] as const;
type Kind = (typeof kinds)[number];
const goalSeconds = 6;

/** From the order to a machine that serves at the other site, there and back again, with the source alive and with it dead. */
export const rtoBench: Bench = {
  summary:
    "Measured RTO on two real hosts with emulated processors: from the order until the guest answers over HTTP at its address and has a new write acknowledged.",
  async run({ rounds = 3, only, say }) {
    const chosen = chosenKinds(only);
    using interrupted = interruption();
    const { signal } = interrupted;
    await using stage = await buildStage({
      name: "rto",
      policy: { intervalSeconds: 1 },
      machine: {
        disks: [{ sizeBytes: 512 * mib, blobBytes: 64 * mib }],
        settings: { intervalMs: 20, rateKibPerSecond: 1024, blockKib: 64 },
      },
      say,
      signal,
    });
    say("Protecting the machine: initial replication …");
    await stage.run("EnableProtection");
    await fresh(stage);
    let at: SiteName = paris;
    const found: Record<Kind, Round[]> = { planned: [], unplanned: [] };
    for (let number = 1; number <= rounds; number += 1) {
      for (const kind of chosen) {
        const to: SiteName = at === paris ? lyon : paris;
        say(`Round ${number} of ${rounds}: ${kind} failover from ${at} to ${to} …`);
        const round = await failOver(stage, { kind, from: at, to, signal });
        found[kind].push(round);
        say(`  served after ${round.seconds} s: ${round.parts.map(([name, took]) => `${name} ${took} s`).join(", ")}`);
        await stage.run("Commit");
        if (kind === "unplanned") await stage.restart(at);
        say(`  back in protection: reverse replication from ${to} to ${at} …`);
        await stage.run("ReverseReplicate");
        await fresh(stage);
        at = to;
      }
    }
    return [...chosen.flatMap((kind) => told(kind, found[kind])), machineLoad(), ...(await hostVersions())];
  },
};

const chosenKinds = (only: readonly string[] | undefined): readonly Kind[] => {
  const unknown = only?.find((word) => !kinds.some((kind) => kind === word));
  if (unknown !== undefined)
    throw new Fault("INVALID_INPUT", `There is no part "${unknown}"; there are ${kinds.join(" and ")}.`);
  return kinds.filter((kind) => only === undefined || only.includes(kind));
};

/** Protected, with an instant sealed that lies after now: steady deltas. */
const fresh = async (stage: BenchStage): Promise<void> => {
  const since = new Date(Date.now() + 2_000).toISOString();
  const holds = ({ state, lastSealed }: { state: string; lastSealed?: { takenAt: string } }): boolean =>
    state === "protected" && (lastSealed?.takenAt ?? "") > since;
  await stage.until("protected, with a fresh point", holds, 240);
};

interface Round {
  readonly seconds: number;
  /** Name and seconds, in the order they happened. */
  readonly parts: readonly (readonly [string, number])[];
  /** Acknowledged before and not found after. */
  readonly recordsLost: number;
  readonly consistent: boolean;
}

const failOver = async (
  stage: BenchStage,
  of: { readonly kind: Kind; readonly from: SiteName; readonly to: SiteName; readonly signal: AbortSignal },
): Promise<Round> => {
  const { kind, from, to, signal } = of;
  if (kind === "unplanned") {
    await stage.lab.site(from).crash();
    await sleep(500, undefined, { signal });
  }
  const since = Date.now();
  const ordered =
    kind === "unplanned"
      ? stage.run("UnplannedFailover", { point: { kind: "latest" }, shutDownSource: false })
      : stage.run(to === paris ? "Failback" : "PlannedFailover");
  const serving = untilServing(stage, { site: to, since, signal });
  const [{ view, orderedAt }, served] = await Promise.all([ordered, serving]);
  const last = newestAt(stage, from);
  return {
    seconds: rounded((served.at - orderedAt) / 1000),
    parts: partsOf(view, orderedAt, served),
    recordsLost: Math.max(0, last - served.recovered),
    consistent: served.consistent,
  };
};

const newestAt = (stage: BenchStage, site: SiteName): number => {
  const host = stage.host(site).name;
  const last = stage.observer.events().findLast((event) => event.kind === "acknowledged" && event.host === host);
  return last?.kind === "acknowledged" ? last.seq : 0;
};

/** Every task of the job, and what lies between and after. */
const partsOf = (
  view: JobView,
  orderedAt: number,
  served: { readonly at: number; readonly mountedAt: number },
): Round["parts"] => {
  const parts: [string, number][] = [];
  const add = (name: string, ms: number): void => void parts.push([name, rounded(ms / 1000)]);
  let reached = orderedAt;
  let between = 0;
  for (const { name, startedAt, endedAt } of view.tasks) {
    if (startedAt === undefined || endedAt === undefined) continue;
    between += Math.max(0, Date.parse(startedAt) - reached);
    reached = Math.max(reached, Date.parse(endedAt));
    if (endedAt !== startedAt) add(name, Date.parse(endedAt) - Date.parse(startedAt));
  }
  add("order, permission and between tasks", between);
  add("guest boots, until its disk is checked", served.mountedAt - reached);
  add("until it answers and writes", served.at - served.mountedAt);
  return parts;
};

const told = (kind: Kind, rounds: readonly Round[]): readonly Measure[] => {
  const names = [...new Set(rounds.flatMap(({ parts }) => parts.map(([name]) => name)))];
  const times = rounds.map(({ seconds }) => seconds);
  return [
    { name: `${kind}: order to serving, median`, value: median(times), unit: "s", goal: `<= ${goalSeconds}` },
    { name: `${kind}: order to serving, worst`, value: Math.max(...times), unit: "s" },
    ...names.map((name) => ({
      name: `${kind}: · ${name}`,
      value: rounded(median(rounds.flatMap(({ parts }) => parts.filter(([each]) => each === name).map(([, s]) => s)))),
      unit: "s",
    })),
    {
      name: `${kind}: acknowledged records lost, worst`,
      value: Math.max(...rounds.map(({ recordsLost }) => recordsLost)),
      unit: "",
      ...(kind === "planned" && { goal: "<= 0" as const }),
    },
    {
      name: `${kind}: disks found damaged by the guest`,
      value: rounds.filter(({ consistent }) => !consistent).length,
      unit: "",
      goal: "<= 0",
    },
  ];
};

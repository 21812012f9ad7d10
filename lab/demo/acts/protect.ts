import { setTimeout as sleep } from "node:timers/promises";
import { rpoThresholdMs } from "../configuration.ts";
import { inBytes, inSeconds, median } from "../figures.ts";
import { runJob } from "../run-job.ts";
import type { Scene } from "../scene.ts";
import { waitForItem } from "../wait-for-item.ts";

/** Enable protection → initial replication → protected, deltas and recovery points. */
export const protect = async (scene: Scene): Promise<void> => {
  const { stage, narrator, signal } = scene;
  narrator.act(`1  Protect ${stage.machineName}: replicate it from ${stage.home} to ${stage.away}`);
  const started = Date.now();
  await runJob(scene, "EnableProtection");
  const first = await waitForItem(scene, {
    what: "initial replication",
    withinSeconds: 300,
    until: ({ state, lastCycle }) => state === "protected" && lastCycle !== undefined,
  });
  const copied = first.lastCycle?.bytes ?? 0;
  scene.prove({
    claim: "A running machine is protected",
    measured: `${inBytes(copied)} copied, ${inSeconds(Date.now() - started)}`,
    checkedBy: "the item's state is protected; bytes counted by the sender",
    holds: copied > 0,
  });

  narrator.say("From now on only what changes is sent, again and again:");
  const ages: number[] = [];
  // What was sealed first is the whole machine, and told already.
  let last = first.lastSealed?.cut;
  while (ages.length < 5) {
    const item = await stage.client.item(stage.item);
    if (item.lastSealed !== undefined && item.lastSealed.cut !== last) {
      last = item.lastSealed.cut;
      const age = Date.now() - Date.parse(item.lastSealed.takenAt);
      ages.push(age);
      const cycle = item.lastCycle;
      const size = cycle === undefined ? "" : `: ${inBytes(cycle.bytes)}, ${inSeconds(cycle.durationMs)}`;
      narrator.say(`· delta${size}; a failover now would go back ${inSeconds(age)}`);
    }
    await sleep(100, undefined, { signal });
  }
  const points = await waitForPoints(scene);
  scene.prove({
    claim: "The replica follows the machine",
    measured: `newest sealed instant ${inSeconds(median(ages))} old (median of ${ages.length})`,
    checkedBy: "the instant the source was cut against the clock, when the item reports it sealed",
    holds: median(ages) <= rpoThresholdMs(stage),
  });
  scene.prove({
    claim: "Recovery points are kept",
    measured: `${points} points at ${stage.away}`,
    checkedBy: "listed by the site that holds the replica",
    holds: points >= 2,
  });
};

const waitForPoints = async ({ stage, narrator, signal }: Scene): Promise<number> => {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const points = await stage.client.points(stage.item);
    if (points.length >= 2 || Date.now() > deadline) return points.length;
    narrator.progress(`waiting for a second recovery point (${points.length} so far)`);
    await sleep(300, undefined, { signal });
  }
};

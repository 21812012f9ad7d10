import type { SiteName } from "#domain/ids.ts";
import { inBytes, inSeconds } from "../figures.ts";
import { runJob } from "../run-job.ts";
import type { Scene } from "../scene.ts";
import { waitForItem } from "../wait-for-item.ts";

/** A planned failover (or failback, which is one homeward) and its commit: the machine moves and nothing is lost. */
export const move = async (
  scene: Scene,
  way: {
    readonly operation: "PlannedFailover" | "Failback";
    readonly from: SiteName;
    readonly to: SiteName;
    readonly title: string;
  },
): Promise<void> => {
  const { stage, narrator, signal } = scene;
  narrator.act(way.title);
  const { view, orderedAt } = await runJob(scene, way.operation);
  const name = view.result?.machineName ?? stage.machineName;
  narrator.progress(`${name} boots at ${way.to}`);
  const awake = await stage.oracle.awakening({ site: way.to, since: orderedAt }, signal);
  narrator.say(`${name} at ${way.to}: ${awake.detail}`);
  const last = await stage.oracle.newest({ site: way.from, before: awake.servingAt });
  const lost = last.record - awake.recovered;
  scene.prove({
    claim: `${way.operation === "Failback" ? "Failback" : "Planned failover"} to ${way.to} loses nothing`,
    measured: `${Math.max(0, lost)} acknowledged records lost; ${inSeconds(awake.servingAt - last.at)} without service`,
    checkedBy: "the oracle: the last record acknowledged before is the last one found after",
    holds: awake.consistent && lost <= 0,
  });
  await runJob(scene, "Commit");
};

/** Turns the direction of replication round. */
export const reverse = async (scene: Scene, way: { readonly from: SiteName; readonly to: SiteName }): Promise<void> => {
  scene.narrator.say(`Reverse replication, ${way.from} → ${way.to}:`);
  const started = Date.now();
  const { view } = await runJob(scene, "ReverseReplicate");
  await waitForItem(scene, {
    what: "reverse replication",
    withinSeconds: 300,
    until: ({ state }) => state === "protected",
  });
  scene.prove({
    claim: `Replication turned round: ${way.from} → ${way.to}`,
    measured: `${inBytes(view.result?.bytesSent ?? 0)} sent, ${inSeconds(Date.now() - started)}`,
    checkedBy: "bytes the job counted: only what changed since the failover",
    holds: view.result?.bytesSent !== undefined,
  });
};

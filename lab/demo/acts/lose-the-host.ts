import { setTimeout as sleep } from "node:timers/promises";
import { inSeconds } from "../figures.ts";
import { runJob } from "../run-job.ts";
import { rpoThresholdMs } from "../configuration.ts";
import type { Scene } from "../scene.ts";

/** The host is killed with all that is on it, and the machine goes on at the other site from the newest recovery point. */
export const loseTheHost = async (scene: Scene): Promise<void> => {
  const { stage, narrator, signal } = scene;
  narrator.act(`5  Disaster: the host at ${stage.home} is killed while the machine writes`);
  await sleep(2000, undefined, { signal });
  const killedAt = Date.now();
  await stage.killSite(stage.home);
  narrator.say(
    `${stage.home} is gone: its host, the machine on it and its worker. Unplanned failover to ${stage.away}:`,
  );
  const { view, orderedAt } = await runJob(scene, "UnplannedFailover", {
    point: { kind: "latest" },
    shutDownSource: false,
  });
  const name = view.result?.machineName ?? stage.machineName;
  const awake = await stage.oracle.awakening({ site: stage.away, since: orderedAt }, signal);
  narrator.say(`${name} at ${stage.away}: ${awake.detail}`);
  const last = await stage.oracle.newest({ site: stage.home, before: orderedAt });
  const kept = await stage.oracle.acknowledged({ site: stage.home, record: awake.recovered });
  scene.prove({
    claim: "The recovered machine is one instant of the lost one",
    measured: `${awake.recovered} records whole, none torn, none missing`,
    checkedBy: "the oracle: the machine checks every record when it starts",
    holds: awake.consistent,
  });
  const lostMs = Math.max(0, killedAt - kept.at);
  scene.prove({
    claim: "RPO: what the dead host took with it",
    measured: `${inSeconds(lostMs)} of writes, ${Math.max(0, last.record - awake.recovered)} records`,
    checkedBy: "the oracle: when the newest recovered record was acknowledged, against the moment of the kill",
    holds: lostMs <= rpoThresholdMs(stage),
  });
  scene.prove({
    claim: "RTO: until the machine served again",
    measured: `${inSeconds(awake.servingAt - orderedAt)} after the order`,
    checkedBy: "from the order to the first acknowledged write at the other site",
    holds: awake.servingAt > orderedAt,
  });
  await runJob(scene, "Commit");
  const after = await stage.client.item(stage.item);
  scene.prove({
    claim: "Afterwards nothing is pretended",
    measured: `state ${after.state}, active at ${after.activeSite}`,
    checkedBy: "the item's state: not protected until somebody reverses the replication",
    holds: after.state === "failed-over" && after.activeSite === stage.away,
  });
};

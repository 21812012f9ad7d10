import { inSeconds } from "../figures.ts";
import { runJob } from "../run-job.ts";
import type { Scene } from "../scene.ts";
import { waitForItem } from "../wait-for-item.ts";

/** Test failover and its clean-up, while replication goes on. */
export const rehearse = async (scene: Scene): Promise<void> => {
  const { stage, narrator, signal } = scene;
  narrator.act(`2  Rehearse: a test failover in an isolated network at ${stage.away}`);
  const before = await stage.client.item(stage.item);
  const { view, orderedAt } = await runJob(scene, "TestFailover", { point: { kind: "latest" } });
  const name = view.result?.machineName ?? `${stage.machineName}-Test`;
  narrator.progress(`${name} boots`);
  const awake = await stage.oracle.awakening({ site: stage.away, since: orderedAt }, signal);
  narrator.say(`${name}: ${awake.detail}`);
  const during = await waitForItem(scene, {
    what: "the next delta while the test machine runs",
    withinSeconds: 60,
    until: ({ lastSealed }) => lastSealed !== undefined && lastSealed.cut !== before.lastSealed?.cut,
  });
  scene.prove({
    claim: "A copy can be tested while the machine goes on",
    measured: `serving ${inSeconds(awake.servingAt - orderedAt)} after the order, ${awake.recovered} records whole`,
    checkedBy: "the oracle in the test machine; the item sealed a newer instant meanwhile",
    holds: awake.consistent && during.state === "protected",
  });
  await runJob(scene, "TestFailoverCleanup");
};

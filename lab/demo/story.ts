import { loseTheHost } from "./acts/lose-the-host.ts";
import { move, reverse } from "./acts/move.ts";
import { protect } from "./acts/protect.ts";
import { rehearse } from "./acts/rehearse.ts";
import type { Scene } from "./scene.ts";

/** A machine survives its site: the whole lifecycle, the same on real and on simulated hosts. */
export const tellStory = async (scene: Scene): Promise<void> => {
  const { home, away } = scene.stage;
  await protect(scene);
  await rehearse(scene);
  await move(scene, {
    operation: "PlannedFailover",
    from: home,
    to: away,
    title: `3  Move: planned failover to ${away}`,
  });
  await reverse(scene, { from: away, to: home });
  await move(scene, { operation: "Failback", from: away, to: home, title: `4  Come home: failback to ${home}` });
  await reverse(scene, { from: home, to: away });
  await loseTheHost(scene);
};

import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import type { ItemView } from "#domain/item-view.ts";
import { inProgress } from "./figures.ts";
import type { Scene } from "./scene.ts";

/** Watches the item until it is as wanted, telling its progress. Rejects with what is wrong with it when that takes longer than `withinSeconds`. */
export const waitForItem = async (
  scene: Scene,
  wanted: { readonly what: string; readonly withinSeconds: number; readonly until: (view: ItemView) => boolean },
): Promise<ItemView> => {
  const { stage, narrator, signal } = scene;
  const deadline = Date.now() + wanted.withinSeconds * 1000;
  for (;;) {
    const view = await stage.client.item(stage.item);
    if (wanted.until(view)) return view;
    if (Date.now() > deadline) {
      const health = view.health.map(({ code, message }) => `${code}: ${message}`).join(" ");
      throw new Fault(
        "INTERNAL",
        `${stage.item} did not get there within ${wanted.withinSeconds} s (${wanted.what}). It is ${view.state}. ${health}`,
      );
    }
    narrator.progress(`${wanted.what}: ${describe(view)}`);
    await sleep(200, undefined, { signal });
  }
};

const describe = (view: ItemView): string => {
  if (view.progress === undefined) return view.state;
  const done = view.progress.disks.reduce((sum, disk) => sum + disk.bytesDone, 0);
  const total = view.progress.disks.reduce((sum, disk) => sum + disk.bytesTotal, 0);
  return `${view.progress.phase}, ${inProgress(done, total)}`;
};

import { defaultLabDir } from "../hosts/lab-dir.ts";
import { openLab } from "../hosts/lab.ts";
import { isInUse, listLabs, openRecord } from "../hosts/state.ts";
import { describeLab, type LabDescription } from "./describe.ts";

/** All labs that are up, and the ids of those a crash left, which `understudy lab down` removes. */
export const status = async (): Promise<{
  readonly labs: readonly LabDescription[];
  readonly leftBehind: readonly string[];
}> => {
  const labs: LabDescription[] = [];
  const leftBehind: string[] = [];
  for (const id of await listLabs(defaultLabDir)) {
    const state = await (await openRecord(defaultLabDir, id))?.read();
    if (state === undefined) continue;
    if (!(await isInUse(state))) leftBehind.push(id);
    else if (state.complete) labs.push(await describeLab(await openLab(id)));
  }
  return { labs, leftBehind };
};

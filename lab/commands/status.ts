import { defaultLabDir } from "../hosts/lab-dir.ts";
import { openLab } from "../hosts/lab.ts";
import { isInUse, listLabs, openRecord } from "../hosts/state.ts";
import { chooseLab } from "./choose-lab.ts";
import { describeLab, type LabDescription } from "./describe.ts";

/** The lab of that id, or all that are up; and the ids of those a crash left, which `understudy lab down` removes. */
export const status = async (
  id?: string,
): Promise<{
  readonly labs: readonly LabDescription[];
  readonly leftBehind: readonly string[];
}> => {
  if (id !== undefined) return { labs: [await describeLab(await chooseLab(id))], leftBehind: [] };
  const labs: LabDescription[] = [];
  const leftBehind: string[] = [];
  for (const each of await listLabs(defaultLabDir)) {
    const state = await (await openRecord(defaultLabDir, each))?.read();
    if (state === undefined) continue;
    if (!(await isInUse(state))) leftBehind.push(each);
    else if (state.complete) labs.push(await describeLab(await openLab(each)));
  }
  return { labs, leftBehind };
};

import { Fault } from "#domain/fault.ts";

import { defaultLabDir } from "../hosts/lab-dir.ts";
import { type Lab, openLab } from "../hosts/lab.ts";
import { isInUse, listLabs, openRecord } from "../hosts/state.ts";

/** The id that `lab up` gives a lab, and that is meant where several run and none is named. */
export const usualId = "demo";

/** The ids of the labs that are up. */
export const runningLabs = async (dir = defaultLabDir): Promise<readonly string[]> => {
  const ids = await listLabs(dir);
  const up = await Promise.all(
    ids.map(async (id) => {
      const state = await (await openRecord(dir, id))?.read();
      return state !== undefined && state.complete && (await isInUse(state));
    }),
  );
  return ids.filter((_, index) => up[index] === true);
};

/** The lab a command is about: the one named; else "demo"; else the only one that runs. `INVALID_INPUT` naming those there are. */
export const chooseLab = async (id: string | undefined, dir = defaultLabDir): Promise<Lab> =>
  openLab(choose(id, await runningLabs(dir)), { dir });

/** The pure part of it. */
export const choose = (id: string | undefined, running: readonly string[]): string => {
  const [only] = running;
  if (id === undefined && only !== undefined && running.length === 1) return only;
  const meant = id ?? usualId;
  if (running.includes(meant)) return meant;
  if (only === undefined)
    throw new Fault(
      "INVALID_INPUT",
      `No lab is up. Start one: understudy lab up${id === undefined ? "" : ` --id ${id}`}`,
    );
  throw new Fault(
    "INVALID_INPUT",
    id === undefined
      ? `Several labs are up; say which with --id: ${running.join(", ")}.`
      : `There is no lab "${id}" up; there are: ${running.join(", ")}. Name one of them with --id, or start it: understudy lab up --id ${id}`,
  );
};

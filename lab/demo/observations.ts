import { tail } from "#lab/oracle/tail.ts";
import type { Observation } from "./oracle.ts";

/** Reads observations that another process appends to a file, one JSON a line; answers all so far. */
export const followObservations = (file: string): (() => Promise<readonly Observation[]>) => {
  const all: Observation[] = [];
  const follower = tail(file);
  let last: Promise<unknown> = Promise.resolve();
  const readOn = async (): Promise<readonly Observation[]> => {
    for (const line of await follower.read()) all.push(JSON.parse(line) as Observation);
    return all;
  };
  return () => {
    const reading = last.then(readOn);
    last = reading.catch(() => undefined); // its caller hears of it; the next reading must still happen
    return reading;
  };
};

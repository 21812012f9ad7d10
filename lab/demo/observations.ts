import { open } from "node:fs/promises";
import type { Observation } from "./oracle.ts";

/** Reads observations that another process appends to a file, one JSON a line; only what is new is read each time, and a half-written line waits. */
export const followObservations = (file: string): (() => Promise<readonly Observation[]>) => {
  const all: Observation[] = [];
  let offset = 0;
  let rest = "";
  let last: Promise<unknown> = Promise.resolve();
  const readOn = async (): Promise<readonly Observation[]> => {
    await using handle = await open(file, "a+");
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - offset), 0, size - offset, offset);
    offset += bytesRead;
    const lines = (rest + buffer.toString("utf8", 0, bytesRead)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) all.push(JSON.parse(line) as Observation);
    return all;
  };
  return () => {
    const reading = last.then(readOn);
    last = reading.catch(() => undefined); // its caller hears of it; the next reading must still happen
    return reading;
  };
};

import { loadavg, availableParallelism } from "node:os";
import type { Measure } from "../measure.ts";
import { rounded } from "../measure.ts";

/** How busy the machine was while it was measured: figures of a busy one say little of the product. */
export const machineLoad = (): Measure => ({
  name: "load of this machine (1 min)",
  value: rounded(loadavg()[0] ?? 0),
  unit: `on ${availableParallelism()} processors`,
});

import type { Host } from "#domain/configuration.ts";
import type { Platform } from "#platforms/platform.ts";
import type { FaultRule } from "./faults.ts";
import type { Log } from "./host.ts";
import { createSimulatedPlatform } from "./platform.ts";

/** For a worker of the light demo: opens a configured host of kind `simulated`, whose `store` is the folder that plays it. */
export function openSimulated(
  host: Pick<Host, "name" | "store">,
  context: { readonly site: string; readonly log: Log; readonly faults?: readonly FaultRule[] },
): Promise<Platform> {
  return createSimulatedPlatform({ dir: host.store, ...context });
}

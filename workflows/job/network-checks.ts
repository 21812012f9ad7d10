import type { Check } from "#domain/check.ts";
import { nearest } from "#domain/nearest.ts";

/** Whether the networks a machine is to be connected to exist where it is to run. */
export function mappedNetworks(wanted: readonly string[], present: readonly string[]): readonly Check[] {
  return [...new Set(wanted)].map((network): Check => {
    if (present.includes(network)) return { name: "network", passed: true, detail: `${network} exists.` };
    const meant = nearest(network, present);
    return {
      name: "network",
      passed: false,
      code: "NETWORK_NOT_FOUND",
      detail: `There is no network ${network}. There are: ${present.join(", ") || "none"}.`,
      action: `Make it, or correct the network mapping${meant === undefined ? "" : ` (did you mean ${meant}?)`}.`,
    };
  });
}

import type { ProtectionState } from "#domain/states.ts";

/** After a committed failover nothing is replicated until somebody reverses the replication. */
export type ExposedState = Extract<ProtectionState, "failed-over" | "failed-over-protected">;

/** What sets the two states apart: what there is at the site that was left, and what reversing the replication will therefore cost. */
export const exposedStates: Readonly<
  Record<ExposedState, { readonly short: string; readonly elsewhere: (site: string) => string }>
> = {
  "failed-over": {
    short: "committed, and not replicated; the old primary's disks have other content",
    elsewhere: (site) =>
      `After an unplanned failover site ${site} has at most the old primary's disks as they were when it was left; all of them are compared when replication is reversed.`,
  },
  "failed-over-protected": {
    short: "committed, and not replicated; the old primary holds its last point",
    elsewhere: (site) =>
      `After the planned failover site ${site} still holds the machine as it was at that moment; only what has changed since is sent when replication is reversed.`,
  },
};

export const isExposed = (state: ProtectionState): state is ExposedState => state in exposedStates;

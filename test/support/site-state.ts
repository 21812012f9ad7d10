import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { ReplicaId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";
import type { HostStarts } from "#test/support/host-starts.ts";

export interface ReplicaDouble {
  readonly item: string;
  epoch: number;
  receives: boolean;
  content: string | undefined;
  points: RecoveryPoint[];
  readonly activations: Map<string, { machine: string; name: string; kind: string; point: string; committed?: true }>;
}
export interface SiteState {
  readonly machines: Map<string, Machine>;
  readonly replicas: Map<ReplicaId, ReplicaDouble>;
  readonly fenced: Map<string, { readonly epoch: number; readonly foundRunning: boolean; readonly autostart: boolean }>;
  readonly starts: HostStarts;
}

export function activationOf({ activations }: ReplicaDouble, failover: string) {
  const activation = activations.get(failover);
  if (activation === undefined) throw new Fault("FAILOVER_NOT_FOUND", `There is no failover ${failover}.`);
  return activation;
}

export function refuseStale(replica: ReplicaDouble, epoch: number): void {
  if (epoch < replica.epoch) throw new Fault("STALE_EPOCH", `Epoch ${epoch} is older than ${replica.epoch}.`);
}

/** Whoever has taken it over. A test machine has another id. */
export const startsWithHost = ({ fenced, starts }: SiteState, id: string): boolean =>
  fenced.get(id)?.autostart === true || starts.byHost.has(id) || starts.isHeld(id);

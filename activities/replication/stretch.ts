import type { CutId } from "#domain/ids.ts";
import type { Inventory, Operation, ReplicationSource } from "#platforms/platform.ts";
import type { ReplicaSession } from "#transfer/session.ts";
import type { Clock } from "./clock.ts";
import type { Reporter } from "./reporter.ts";
import type { ReplicateRequest } from "./request.ts";
import type { SourceClock } from "./source-clock.ts";

/** Says what happens, with fields; never a secret. */
export type Log = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** What all steps of one run of the replication work with. */
export interface Stretch {
  readonly request: ReplicateRequest;
  readonly source: ReplicationSource;
  readonly inventory: Inventory;
  readonly session: ReplicaSession;
  readonly clock: Clock;
  readonly sourceClock: SourceClock;
  /** When a `run` returns, in milliseconds since 1970. */
  readonly until: number;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** The platform's operation for one verb on one cut: the same id whenever the same is asked for again. */
export const operationOf = (
  stretch: Stretch,
  step: { readonly verb: string; readonly cut?: CutId; readonly signal?: AbortSignal },
): Operation => ({
  id: [stretch.request.replica, step.cut ?? "no-cut", step.verb].join("/"),
  signal: step.signal ?? stretch.signal,
  progress: () => {},
});

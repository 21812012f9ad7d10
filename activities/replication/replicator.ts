import { bytesPerSecondAt } from "#domain/bandwidth.ts";
import { Fault, isFault } from "#domain/fault.ts";
import type { ReplicaId } from "#domain/ids.ts";
import type { Platform } from "#platforms/platform.ts";
import type { ConnectReplica, SiteTls } from "#transfer/session.ts";
import type { Clock } from "./clock.ts";
import { connected } from "./connected.ts";
import { final } from "./final.ts";
import { releaseStanding } from "./release-standing.ts";
import { createReporter } from "./reporter.ts";
import type { ReplicateReport, ReplicateRequest } from "./request.ts";
import { resynchronize } from "./resynchronize.ts";
import { run as runCycles } from "./run.ts";
import { seed } from "./seed.ts";
import { createSourceClock, type SourceClock } from "./source-clock.ts";
import type { Log, Stretch } from "./stretch.ts";

/** A copy that stands still says nothing by itself. */
const judgeEveryMs = 5_000;

/** Replicates one item from the platform to a replica at another site, in one of the modes of `ReplicateRequest`. */
export type Replicator = (
  request: ReplicateRequest,
  run: { readonly signal: AbortSignal; readonly before?: ReplicateReport; report(report: ReplicateReport): void },
) => Promise<ReplicateReport>;

/**
 * The replication of one host's machines. A `run` that is cancelled ends with its report; every other mode that is cancelled rejects with `CANCELLED`, because it has
 * not done what it was asked for. `before`: the report of an attempt whose worker died, which this one's goes on from. Rejects with the Faults of the platform and of the session, `RESYNC_REQUIRED` when changes cannot be proven.
 */
export function createReplicator(options: {
  readonly platform: Pick<Platform, "kind" | "inventory" | "source">;
  readonly connectReplica: ConnectReplica;
  /** The site's certificate as it is now. */
  readonly tls: () => SiteTls;
  readonly clock: Clock;
  readonly log: Log;
}): Replicator {
  const { clock, log } = options;
  const { source, inventory, kind } = options.platform;
  if (source === undefined)
    throw new Fault("PREREQUISITES_FAILED", `Machines of a host of kind ${kind} cannot be replicated from it.`);
  /** Kept from run to run: one with a single cycle would never know what its host's clock shows. */
  const sourceClocks = new Map<ReplicaId, SourceClock>();
  return async (request, { signal, before, report }) => {
    const limit = () => bytesPerSecondAt(request.policy, clock.now());
    const reporter = createReporter({ emit: report, now: () => clock.now(), limit, ...(before && { before }) });
    const judging = setInterval(() => reporter.judge(), judgeEveryMs);
    const until = clock.now() + request.returnAfterSeconds * 1000;
    const sourceClock = sourceClocks.get(request.replica) ?? createSourceClock(clock);
    sourceClocks.set(request.replica, sourceClock);
    const stretch = { request, source, inventory, clock, sourceClock, until, reporter, signal, log };
    try {
      await connected({ ...options, stretch }, modes[request.mode]);
    } catch (error) {
      await releaseStanding({ source, log }, request);
      if (!signal.aborted) throw error;
      if (request.mode !== "run") throw cancelled(request, error);
    } finally {
      clearInterval(judging);
    }
    return reporter.report;
  };
}

const modes: Readonly<Record<ReplicateRequest["mode"], (stretch: Stretch) => Promise<void>>> = {
  seed,
  run: runCycles,
  final,
  resynchronize,
};

const cancelled = (request: ReplicateRequest, cause: unknown): Fault =>
  isFault(cause) && cause.code === "CANCELLED"
    ? cause
    : new Fault("CANCELLED", `The replication (${request.mode}) of item ${request.tracked.item} was cancelled.`, {
        cause,
      });

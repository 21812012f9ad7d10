import { isFault } from "#domain/fault.ts";
import type { ConnectReplica, ReplicaSession, SiteTls } from "#transfer/session.ts";
import type { Stretch } from "./stretch.ts";

/** A link that breaks for a moment, or a worker that is restarted at the other side, is waited for this long before the run fails. */
const patienceMs = 15_000;
const againAfterMs = 1_000;

/** Works with a session to the replica, and with a new one when the link broke after bytes had flown. */
export async function connected(
  options: {
    readonly connectReplica: ConnectReplica;
    readonly tls: () => SiteTls;
    readonly stretch: Omit<Stretch, "session">;
  },
  work: (stretch: Stretch) => Promise<void>,
): Promise<void> {
  const { stretch } = options;
  const { clock, reporter, signal } = stretch;
  let lostAt: number | undefined;
  for (;;) {
    const before = reporter.report;
    try {
      reporter.phase("connecting");
      await using session = await connect(options);
      return await work({ ...stretch, session });
    } catch (error) {
      const flowed = reporter.report.wireBytes > before.wireBytes || reporter.report.cycles > before.cycles;
      if (flowed || lostAt === undefined) lostAt = flowed ? clock.now() : undefined;
      const waiting = lostAt !== undefined && clock.now() - lostAt < patienceMs;
      if (signal.aborted || !waiting || !isFault(error) || !linkFaults.has(error.code)) throw error;
      if (flowed) reporter.again("the link to the replica broke and is made anew");
      stretch.log("the link to the replica broke; trying again", {
        replica: stretch.request.replica,
        code: error.code,
        message: error.message,
      });
      await clock.sleep(againAfterMs, signal);
    }
  }
}

const linkFaults: ReadonlySet<string> = new Set(["CONNECTION_LOST", "PEER_UNREACHABLE"]);

function connect(options: Parameters<typeof connected>[0]): Promise<ReplicaSession> {
  const { request, signal } = options.stretch;
  const { target, replica, tracked } = request;
  return options.connectReplica({ ...target, tls: options.tls(), replica, epoch: tracked.epoch }, signal);
}

import { Fault } from "#domain/fault.ts";
import type { Replica } from "#transfer/replica.ts";
import type { HeldHost } from "#workers/kept-hosts.ts";

/**
 * A replica that is received through a host's settings as they were when it was opened. Once they have changed it takes nothing more: the sender is told that the
 * connection was lost, connects again, and the replica is opened by the new settings.
 */
export function untilSuperseded(replica: Replica, held: Pick<HeldHost, "name" | "superseded">): Replica {
  const { superseded } = held;
  const lost = (cause?: unknown): Fault =>
    new Fault(
      "CONNECTION_LOST",
      `The settings of host ${held.name} were changed; the replica is opened anew by them.`,
      {
        cause,
      },
    );
  const asLongAs = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    if (superseded.aborted) throw lost();
    try {
      return await call();
    } catch (error) {
      throw superseded.aborted ? lost(error) : error;
    }
  };
  return {
    state: (signal) => asLongAs(() => replica.state(signal)),
    begin: (request, signal) => asLongAs(() => replica.begin(request, signal)),
    sink: (disk, signal) => asLongAs(() => replica.sink(disk, signal)),
    current: (disk, signal) => asLongAs(() => replica.current(disk, signal)),
    checkpoint: (disk, offset, signal) => asLongAs(() => replica.checkpoint(disk, offset, signal)),
    seal: (request, signal) => asLongAs(() => replica.seal(request, signal)),
    discardIncoming: (signal) => asLongAs(() => replica.discardIncoming(signal)),
    [Symbol.asyncDispose]: () => replica[Symbol.asyncDispose](),
  };
}

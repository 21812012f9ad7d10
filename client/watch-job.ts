import type { ClientContext } from "#client/context.ts";
import { isUnanswered, toFault, withFaults } from "#client/faults.ts";
import { readJob } from "#client/jobs.ts";
import { silence } from "#client/silence.ts";
import { Fault } from "#domain/fault.ts";
import type { JobView } from "#domain/job.ts";

const lookEveryMs = 250;
/** A server that starts again has answered by then. */
const patienceMs = 60_000;

/** `UnderstudyClient.watch`. Temporal may be away for a minute meanwhile: the job is not disturbed by that, and neither is who watches it. */
export async function* watchJob(context: ClientContext, id: string, signal: AbortSignal): AsyncIterable<JobView> {
  const { client, sleep } = context;
  const away = silence(context, `The job ${id} goes on as soon as it is back; waiting for it.`);
  let last = "";
  for (;;) {
    try {
      const look = () => withFaults(() => client.withAbortSignal(signal, () => readJob(client, id)));
      const view = await away.during(look);
      away.over();
      const said = JSON.stringify(view);
      if (said !== last) yield view;
      last = said;
      if (view.endedAt !== undefined) return;
    } catch (error) {
      if (signal.aborted) throw givenUp(id);
      const fault = toFault(error);
      if (fault.code !== "TEMPORAL_UNREACHABLE") throw fault;
      away.broken(isUnanswered(fault.cause) ? undefined : fault.message);
      if (away.lastsMs > patienceMs) throw stillLost(id, fault);
    }
    try {
      await sleep(lookEveryMs, signal);
    } catch {
      throw givenUp(id);
    }
  }
}

const givenUp = (id: string): Fault => new Fault("CANCELLED", `Watching the job ${id} was given up; the job goes on.`);

const stillLost = (id: string, fault: Fault): Fault =>
  new Fault(
    fault.code,
    `${fault.message} The job ${id} goes on when it is back. Watch it: understudy jobs ${id} --watch.`,
    { cause: fault },
  );

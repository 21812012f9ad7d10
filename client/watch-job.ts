import type { ClientContext } from "#client/context.ts";
import { toFault, withFaults } from "#client/faults.ts";
import { readJob } from "#client/jobs.ts";
import { Fault } from "#domain/fault.ts";
import type { JobView } from "#domain/job.ts";

const lookEveryMs = 250;
/** A server that starts again has answered by then. */
const patienceMs = 60_000;

/** `UnderstudyClient.watch`. Temporal may be away for a minute meanwhile: the job is not disturbed by that, and neither is who watches it. */
export async function* watchJob(
  { client, tell, sleep, now }: ClientContext,
  id: string,
  signal: AbortSignal,
): AsyncIterable<JobView> {
  let last = "";
  let lost: number | undefined;
  for (;;) {
    try {
      const view = await withFaults(() => client.withAbortSignal(signal, () => readJob(client, id)));
      lost = undefined;
      const said = JSON.stringify(view);
      if (said !== last) yield view;
      last = said;
      if (view.endedAt !== undefined) return;
    } catch (error) {
      if (signal.aborted) throw givenUp(id);
      const fault = toFault(error);
      if (fault.code !== "TEMPORAL_UNREACHABLE") throw fault;
      if (lost === undefined) tell(`${fault.message} The job ${id} goes on as soon as it is back; waiting for it.`);
      lost ??= now();
      if (now() - lost > patienceMs) throw stillLost(id, fault);
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

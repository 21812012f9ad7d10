import {
  allHandlersFinished,
  condition,
  continueAsNew,
  patched,
  setHandler,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";
import { type Courier, courierOf } from "#workflows/item/courier.ts";
import { pendingFences } from "#workflows/item/earlier-fences.ts";
import { withFencePlaces } from "#workflows/item/fence-place.ts";
import { fencingOf } from "#workflows/item/fencing.ts";
import { type HoldingAutostart, holdingAutostart } from "#workflows/item/holding-autostart.ts";
import { holdItem, type ItemHolder } from "#workflows/item/holder.ts";
import { ask, configured, end, record } from "#workflows/item/jobs.ts";
import { endsKeepingOn, type KeepingOn, keepingOn } from "#workflows/item/keeping-on.ts";
import { itemPublisher } from "#workflows/item/publish.ts";
import { wantsQuiet } from "#workflows/item/quiet.ts";
import { type ItemReplication, replicationOf } from "#workflows/item/replication.ts";
import { selfStartedOf } from "#workflows/item/self-started.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { viewOf } from "#workflows/item/view.ts";
import { vigilOf } from "#workflows/item/vigil.ts";
import { itemConfigured, itemState, itemView, jobFinished, recordJob, requestJob } from "#workflows/messages.ts";

/** By then every worker goes by a configuration that has been applied (`workers/watched-configuration.ts`). */
const workersHearMs = 5_000;

/**
 * One protected machine, for as long as it is protected. Jobs ask for it, one at a time; between them it replicates. The handlers take down what they are
 * told, and the loop below makes what runs agree with the state, after every change of it.
 */
export async function ProtectedItem(initial: ItemState): Promise<void> {
  const item = holdItem(withFencePlaces(initial));
  const courier = courierOf(item);
  const replication = replicationOf(item);
  const fencing = fencingOf(item, courier);
  const keeping = keepingOn(item);
  const holding = holdingAutostart(item);
  const vigil = vigilOf(item);
  const selfStarted = selfStartedOf(item);
  const publish = itemPublisher();

  setHandler(itemState, () => item.state);
  setHandler(itemView, () => viewOf(item.state));
  setHandler(requestJob, (request) => {
    const asked = ask(item.state, request);
    item.update(() => asked.state);
    if (asked.refusal !== undefined) courier.refuse({ id: request.jobId, runId: request.runId }, asked.refusal);
    if (asked.interrupted !== undefined) courier.interrupt(asked.interrupted);
  });
  setHandler(recordJob, (said) => item.update((state) => record(state, said)));
  setHandler(itemConfigured, async (said) => {
    item.update((state) => configured(state, said));
    const job = item.state.activeJob;
    if (job?.granted === true) courier.tellConfigured(job, said);
    // Items that were told of a configuration before this was built go on as they did.
    if (item.state.failing === null || !patched("configured-retry")) return;
    await sleep(workersHearMs);
    replication.tryAgain();
  });
  setHandler(jobFinished, (said) => item.update((state) => end(state, said)));

  for (;;) {
    const seen = item.revision;
    const rest = workflowInfo().continueAsNewSuggested;
    publish(item.state);
    replication.reconcile({ rest });
    fencing.reconcile();
    keeping.reconcile();
    holding.reconcile();
    vigil.reconcile();
    selfStarted.reconcile();
    grantWhenQuiet(item, { replication, keeping, holding, courier });
    tellWaiting(item, courier);

    const atRest = !replication.running && !vigil.running && courier.idle && allHandlersFinished();
    if (atRest && isOver(item.state)) return;
    if (atRest && rest && item.revision === seen) await continueAsNew<typeof ProtectedItem>(item.state);
    await condition(() => item.revision !== seen || (!rest && workflowInfo().continueAsNewSuggested));
  }
}

function grantWhenQuiet(
  item: ItemHolder,
  around: {
    readonly replication: ItemReplication;
    readonly keeping: KeepingOn;
    readonly holding: HoldingAutostart;
    readonly courier: Courier;
  },
): void {
  const { replication, keeping, holding, courier } = around;
  const job = item.state.activeJob;
  if (job === null || job.granted) return;
  if (job.operation === "UnplannedFailover") replication.abandon();
  else if (wantsQuiet(item.state) && replication.running) return;
  if ((keeping.running || holding.running) && endsKeepingOn(job.operation)) return;
  item.update((state) => ({ ...state, activeJob: { ...job, granted: true } }));
  courier.grant(job);
}

/** Replication that is neither coming to `protected` nor there is nothing to wait for any more. */
function tellWaiting(item: ItemHolder, courier: Courier): void {
  const { lifecycle, waiting } = item.state;
  const onItsWay = lifecycle.state === "initial-replication" || lifecycle.state === "paused";
  if (waiting.length === 0 || (onItsWay && !item.state.stuck)) return;
  item.update((state) => ({ ...state, waiting: [] }));
  for (const id of waiting) courier.tellWaiting({ id });
}

/** An old primary that has yet to be fenced, and a start with a host that has yet to be given back, are kept in mind also when nothing is protected any more. */
const isOver = ({ lifecycle, activeJob, held = [], ...state }: ItemState): boolean =>
  lifecycle.state === "unprotected" && activeJob === null && pendingFences(state).length === 0 && held.length === 0;

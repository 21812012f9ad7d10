import type { Client } from "@temporalio/client";
import { setTimeout as sleep } from "node:timers/promises";
import { askReplica } from "#client/ask-replica.ts";
import { applyWhole, previewConfiguration, requireConfiguration } from "#client/configuration.ts";
import type { ClientContext } from "#client/context.ts";
import { withFaults } from "#client/faults.ts";
import { liveItemView, unprotectedView } from "#client/item-view.ts";
import { readItemState } from "#client/item-state.ts";
import { cancelJob, listJobs, readJob } from "#client/jobs.ts";
import { startJob } from "#client/start-job.ts";
import type { UnderstudyClient, Verification } from "#client/understudy-client.ts";
import { noItem, notProtected } from "#client/unkept-item.ts";
import { watchJob } from "#client/watch-job.ts";
import type { Configuration } from "#domain/configuration.ts";
import type { ListedPoint } from "#domain/cut.ts";
import type { ItemName } from "#domain/ids.ts";
import type { ItemView } from "#domain/item-view.ts";

/** Understudy's verbs over a Temporal client, which is the caller's. */
export function createUnderstudyClient(
  client: Client,
  options: {
    /** Done when the client is disposed of. */
    readonly release?: () => Promise<void>;
    /** Hears in a sentence what is being waited for, once it takes longer than a person expects; the same one only once. */
    readonly tell?: (sentence: string) => void;
    /** How long the orchestrator's worker is waited for. One that was just started, or starts again, has answered within the ten seconds of the default. */
    readonly patienceMs?: number;
  } = {},
): UnderstudyClient {
  const { release = async () => undefined, tell = () => undefined, patienceMs = 10_000 } = options;
  const context: ClientContext = {
    client,
    tell: onlyOnce(tell),
    patienceMs,
    now: Date.now,
    sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
  };

  const item = async (name: ItemName, known?: Configuration): Promise<ItemView> => {
    const view = await liveItemView(context, name);
    if (view !== undefined) return view;
    const { items } = known ?? (await requireConfiguration(context));
    const configured = items[name];
    if (configured === undefined) throw noItem(name, Object.keys(items));
    return unprotectedView(configured);
  };

  const atReplica = async <Result>(
    name: ItemName,
    question: { readonly workflowType: string; readonly more?: object },
  ): Promise<Result> => {
    const state = await readItemState(context, name);
    if (state !== undefined) return await askReplica<Result>(context, state, question);
    // A name that nobody knows is told first.
    await item(name);
    throw notProtected(name, "There are no recovery points while");
  };

  return {
    apply: (next) => withFaults(() => applyWhole(context, next)),
    diff: (next) => withFaults(() => previewConfiguration(context, next)),
    configuration: () => withFaults(() => requireConfiguration(context)),
    items: () =>
      withFaults(async () => {
        const known = await requireConfiguration(context);
        return await Promise.all(Object.values(known.items).map(({ name }) => item(name, known)));
      }),
    item: (name) => withFaults(() => item(name)),
    points: (name) => withFaults(() => atReplica<readonly ListedPoint[]>(name, { workflowType: "ReadPoints" })),
    verify: (name, point) =>
      withFaults(() =>
        atReplica<Verification>(name, { workflowType: "VerifyPoint", more: point === undefined ? {} : { point } }),
      ),
    start: (operation, input, more = {}) => withFaults(() => startJob(context, { operation, input, ...more })),
    job: (id) => withFaults(() => readJob(client, id)),
    jobs: (filter) => withFaults(() => listJobs(client, filter)),
    watch: (id, signal) => watchJob(context, id, signal),
    cancel: (id) => withFaults(() => cancelJob(client, id)),
    [Symbol.asyncDispose]: release,
  };
}

/** Several questions at once wait for the same. */
function onlyOnce(tell: (sentence: string) => void): (sentence: string) => void {
  const told = new Set<string>();
  return (sentence) => {
    if (told.has(sentence)) return;
    told.add(sentence);
    tell(sentence);
  };
}

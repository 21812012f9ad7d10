import type { Cancellation, UnderstudyClient, Verification } from "#client/understudy-client.ts";
import { diffConfiguration, hurtfulChanges } from "#domain/configuration-diff.ts";
import type { Configuration } from "#domain/configuration.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import { cutId, instant, itemName, siteName } from "#domain/ids.ts";
import type { ItemView } from "#domain/item-view.ts";
import { scenarioOf } from "#domain/job-scenarios.ts";
import type { JobInput, JobView } from "#domain/job.ts";
import { allowedOperations, begin, finish, newLifecycle, refusal, type Lifecycle } from "#domain/lifecycle.ts";
import { nearest } from "#domain/nearest.ts";
import type { OperationName } from "#domain/operations.ts";

export const startMs = Date.UTC(2026, 10, 20, 12);
const at = (seconds: number) => instant(startMs + seconds * 1000);

export interface DoubleOptions {
  /** The one item there is, `app1`. */
  readonly lifecycle?: Lifecycle;
  /** How every job ends. */
  readonly end?: Partial<JobView>;
  /** Goes on until this is aborted. */
  readonly endless?: boolean;
  /** Of the item, each time somebody looks. */
  readonly rpoSeconds?: () => number;
  /** Of the item, over what it is otherwise. */
  readonly view?: Partial<ItemView>;
  /** These the configuration may not hurt. */
  readonly protectedItems?: Parameters<typeof hurtfulChanges>[2];
  readonly verification?: Verification;
  /** What becomes of the wish to end a job; by default it is asked to. */
  readonly cancellation?: Cancellation;
  /** Each call of this name rejects with that. */
  readonly faults?: Readonly<Partial<Record<keyof UnderstudyClient, Error>>>;
}

/** What was asked of the double. */
export interface Asked {
  readonly started: { readonly operation: OperationName; readonly input: JobInput }[];
  readonly cancelled: string[];
  applied?: Configuration;
  closed: number;
}

/** A client with one item whose lifecycle refuses as the real one does, and whose jobs pass through their tasks at once. */
export const doubleClient = (
  options: DoubleOptions = {},
): { readonly client: UnderstudyClient; readonly asked: Asked } => {
  let lifecycle = options.lifecycle ?? { ...newLifecycle, state: "protected", hasRecoveryPoint: true };
  const asked: Asked = { started: [], cancelled: [], closed: 0 };
  const jobs = new Map<string, JobView>();

  const failing = (name: keyof UnderstudyClient): void => {
    const fault = options.faults?.[name];
    if (fault !== undefined) throw fault;
  };
  const known = (name: string): void => {
    if (name === "app1") return;
    const meant = nearest(name, ["app1"]);
    throw new Fault(
      "ITEM_NOT_FOUND",
      `There is no item ${name}${meant === undefined ? "" : ` (did you mean ${meant}?)`}.`,
    );
  };
  const found = (id: string): JobView => {
    const job = jobs.get(id);
    if (job === undefined) throw new Fault("JOB_NOT_FOUND", `There is no job ${id}.`);
    return job;
  };
  const view = (): ItemView => ({
    item: itemName("app1"),
    machineName: "app1",
    state: lifecycle.state,
    allowedOperations: allowedOperations(lifecycle),
    epoch: 1,
    activeSite: siteName("paris"),
    primarySite: siteName("paris"),
    secondarySite: siteName("lyon"),
    policy: "continuous",
    testFailover: lifecycle.testFailover,
    replicationHealth: "Normal",
    health: [],
    rpoSeconds: options.rpoSeconds?.() ?? 4,
    lastSealed: { cut: cutId("c3"), takenAt: at(-4) },
    lastCycle: { durationMs: 420, bytes: 3_355_443, wireBytes: 1_048_576 },
    pointsSite: siteName("lyon"),
    ...options.view,
  });
  const points: readonly RecoveryPoint[] = [
    { kept: true, consistency: "app-consistent" as const },
    { kept: true, consistency: "crash-consistent" as const },
    { kept: false, consistency: "crash-consistent" as const },
  ].map((kind, index) => ({
    id: cutId(`c${String(index + 1)}`),
    item: itemName("app1"),
    epoch: 1,
    takenAt: at(-600 + index * 298),
    sealedAt: at(-599 + index * 298),
    disks: [],
    definition: "",
    deltaBytes: 2048 * 1024 ** index,
    ...kind,
  }));

  const client: UnderstudyClient = {
    apply: async (configuration) => {
      failing("apply");
      const before = asked.applied;
      asked.applied = configuration;
      return diffConfiguration(before, configuration);
    },
    diff: async (configuration) => ({
      changes: diffConfiguration(asked.applied, configuration),
      refusals:
        asked.applied === undefined ? [] : hurtfulChanges(asked.applied, configuration, options.protectedItems ?? []),
    }),
    configuration: async () => {
      if (asked.applied === undefined) throw new Fault("CONFIG_INVALID", "Nothing was applied yet.");
      return asked.applied;
    },
    items: async () => {
      failing("items");
      return [view()];
    },
    item: async (name) => {
      failing("item");
      known(name);
      return view();
    },
    points: async (name) => {
      known(name);
      return points;
    },
    verify: async (name, point) => {
      known(name);
      return options.verification ?? { point: point ?? cutId("c3"), blocks: 512, mismatched: 0 };
    },
    start: async (operation, input) => {
      failing("start");
      known(input.item);
      const refused = refusal(lifecycle, operation);
      if (refused !== undefined) throw new Fault(refused.code, refused.message);
      asked.started.push({ operation, input });
      const id = `app1-${operation}-1`;
      lifecycle = begin(lifecycle, { id, operation });
      const { title, tasks } = scenarioOf(operation);
      jobs.set(id, {
        id,
        item: input.item,
        operation,
        scenario: title,
        state: "InProgress",
        tasks: tasks.map((name) => ({ name, state: "NotStarted" })),
        startedAt: at(0),
      });
      return id;
    },
    job: async (id) => found(id),
    jobs: async ({ item, state, limit }) => {
      failing("jobs");
      return [...jobs.values()]
        .filter((job) => (item === undefined || job.item === item) && (state === undefined || job.state === state))
        .slice(0, limit);
    },
    async *watch(id, signal) {
      failing("watch");
      let job = found(id);
      for (const [index] of job.tasks.entries()) {
        const tasks = job.tasks.map((task, place) =>
          place === index
            ? { ...task, state: "InProgress" as const, startedAt: at(index), bytesDone: 512, bytesTotal: 2048 }
            : task,
        );
        yield { ...job, tasks };
        job = {
          ...job,
          tasks: tasks.map((task, place) =>
            place === index ? { ...task, state: "Succeeded" as const, endedAt: at(index + 1) } : task,
          ),
        };
      }
      if (options.endless === true)
        await new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        });
      const ended: JobView = { ...job, state: "Succeeded", endedAt: at(job.tasks.length), ...options.end };
      jobs.set(id, ended);
      const outcome = ended.state === "Failed" || ended.state === "Cancelled" ? "failed" : "succeeded";
      lifecycle = finish(lifecycle, { id, operation: ended.operation }, outcome);
      yield ended;
    },
    cancel: async (id) => {
      if (found(id).endedAt !== undefined)
        throw new Fault("OPERATION_NOT_ALLOWED", `The job “${id}” has ended already: there is nothing to cancel.`);
      asked.cancelled.push(id);
      return options.cancellation ?? "asked";
    },
    [Symbol.asyncDispose]: async () => {
      asked.closed += 1;
    },
  };
  return { client, asked };
};

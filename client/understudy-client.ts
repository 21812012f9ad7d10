import type { ConfigurationChange } from "#domain/configuration-change.ts";
import type { Configuration } from "#domain/configuration.ts";
import type { ListedPoint } from "#domain/cut.ts";
import type { CutId, DiskId, ItemName } from "#domain/ids.ts";
import type { ItemView } from "#domain/item-view.ts";
import type { JobInput, JobState, JobView } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";

/** What reading a point again has shown. */
export interface Verification {
  readonly point: CutId;
  readonly blocks: number;
  /** Blocks whose content is not what was sealed: anything above 0 is a `DIGEST_MISMATCH`. */
  readonly mismatched: number;
  /** Blocks that have no digest to compare with: of a disk that was there before it became a replica. */
  readonly unverified?: number;
  /** Where the mismatched ones are; the first hundred runs. */
  readonly damaged?: readonly { readonly disk: DiskId; readonly offset: number; readonly length: number }[];
}

/** What applying a configuration would do. */
export interface ConfigurationPreview {
  readonly changes: readonly ConfigurationChange[];
  /** Why `apply` would refuse it, one sentence each; empty when it would not. */
  readonly refusals: readonly string[];
}

/**
 * What became of the wish to end a job. `asked`: it has begun, undoes what its operation allows, and ends by itself. `taken-back`: no worker had taken it up; nothing was
 * done, and it is no job any more. `terminated`: a worker took it up in that very moment; it has ended, and its item puts in order what it did.
 */
export type Cancellation = "asked" | "taken-back" | "terminated";

/** The typed way in: everything the CLI and the API do. Rejections are Faults. */
export interface UnderstudyClient extends AsyncDisposable {
  /** Validated configuration only. Refused whole when a change would hurt a protected item (its machine or sites changed). */
  apply(configuration: Configuration): Promise<readonly ConfigurationChange[]>;
  /** What `apply` would answer, or why it would refuse; nothing is changed. */
  diff(configuration: Configuration): Promise<ConfigurationPreview>;
  configuration(): Promise<Configuration>;

  items(): Promise<readonly ItemView[]>;
  item(name: ItemName): Promise<ItemView>;
  /** From the site that holds the replica. Rejects with `OPERATION_NOT_ALLOWED` for an item that is not protected, else as `verify`. */
  points(name: ItemName): Promise<readonly ListedPoint[]>;
  /**
   * Has the site that holds the replica read a point again and compare its digests; `point` absent: the newest. Changes nothing and needs no job.
   * Rejects with `POINT_NOT_FOUND`, `REPLICA_NOT_FOUND`, `WORKER_UNAVAILABLE`.
   */
  verify(name: ItemName, point?: CutId): Promise<Verification>;

  /**
   * Starts the operation's job and answers its id once the item has granted it; rejects with `OPERATION_NOT_ALLOWED`, `JOB_RUNNING` or `ITEM_NOT_FOUND` and a
   * sentence otherwise. The same `jobId` twice starts one job. When no worker takes the job up (`WORKER_UNAVAILABLE`), or `signal` is aborted before one has
   * (`CANCELLED`), it is taken back; one that has begun goes on. While Temporal cannot be reached (`TEMPORAL_UNREACHABLE`) either is possible. The sentence says which.
   */
  start(
    operation: OperationName,
    input: JobInput,
    options?: { readonly jobId?: string; readonly signal?: AbortSignal },
  ): Promise<string>;
  job(id: string): Promise<JobView>;
  jobs(filter: {
    readonly item?: ItemName;
    readonly state?: JobState;
    readonly limit: number;
  }): Promise<readonly JobView[]>;
  /** Every change of the job until it has ended; goes on when Temporal is away for a moment. */
  watch(id: string, signal: AbortSignal): AsyncIterable<JobView>;
  /** Asks a job to end, and takes back one that no worker has taken up. Rejects with `JOB_NOT_FOUND`, and with `OPERATION_NOT_ALLOWED` when it has ended already. */
  cancel(id: string): Promise<Cancellation>;
}

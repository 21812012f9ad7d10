import type { ReplicateReport } from "#activities/replication/request.ts";
import { bytesText } from "#domain/bytes-text.ts";
import { faultOf } from "#workflows/failure.ts";
import type { ItemState } from "#workflows/item/state.ts";
import type { Steps } from "#workflows/job/job.ts";
import { replicateInJob } from "#workflows/job/replicate.ts";

/** As long as it takes: a resynchronization goes on where it was, after every interruption. */
const attempts = Number.MAX_SAFE_INTEGER;

/** Has the replica come to a point of its present source: an empty one by all there is (`seed`), another by what has changed when that can be proven, else by comparing. The running task says which of them it was. */
export async function bringToDate(
  job: Steps,
  item: () => ItemState,
  mode: "seed" | "run" | "resynchronize",
): Promise<ReplicateReport> {
  if (mode !== "resynchronize") {
    try {
      const done = mode === "seed" ? copied : known;
      return await replicateInJob(job, item, { mode, returnAfterSeconds: 0, attempts, done });
    } catch (error) {
      const { code } = faultOf(error);
      if (code !== "RESYNC_REQUIRED" && code !== "TRACKING_LOST") throw error;
      job.tell("What had changed could not be proven: all is compared by checksums now.");
      job.inform("What had changed could not be proven; the difference was found by checksums.");
    }
  }
  return await replicateInJob(job, item, { mode: "resynchronize", returnAfterSeconds: 0, attempts, done: compared });
}

const copied = ({ bytesSent }: ReplicateReport): string => `all copied, ${bytesText(bytesSent)} sent`;
const known = ({ bytesSent }: ReplicateReport): string =>
  bytesSent === 0
    ? "only what is known to have changed: nothing until then"
    : `only what is known to have changed, ${bytesText(bytesSent)} sent`;
const compared = ({ bytesSent }: ReplicateReport): string =>
  bytesSent === 0
    ? "all compared by checksums: nothing differed"
    : `all compared by checksums, ${bytesText(bytesSent)} sent`;

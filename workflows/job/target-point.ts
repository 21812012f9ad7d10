import type { PointSelector, ListedPoint } from "#domain/cut.ts";
import { isOlder } from "#domain/newer-point.ts";
import { choosePoint } from "#domain/points.ts";
import { targetOf } from "#workflows/item/ends.ts";
import type { Sealed } from "#workflows/item/sealed.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import type { ItemState } from "#workflows/item/state.ts";
import type { Steps } from "#workflows/job/job.ts";
import { atSite } from "#workflows/sites.ts";

/** The point that is meant, out of those that the target's own records list now; `why` ends the sentence that names it. Where the newest one is lacking there the job says so. Rejects with `POINT_NOT_FOUND`. */
export async function targetPoint(job: Steps, selector: PointSelector, why = ""): Promise<ListedPoint> {
  const { site, host } = targetOf(job.item);
  const points = await atSite(site).listPoints({ host, replica: targetReplica(job.item) });
  job.saw(newestOf(points));
  const point = choosePoint(points, selector);
  const lacking = lackedPoint(points, job.item.lastSealed);
  if (lacking !== undefined && selector.kind !== "custom")
    job.inform(
      `The newest recovery point ${lacking.cut} of ${lacking.takenAt} cannot be used at site ${site}: its record there is damaged or gone (understudy points --store names it on the host). Point ${point.id} of ${point.takenAt} was taken instead. Once a failover to it is committed, what came after it is deleted.`,
    );
  job.note(`point ${point.id} of ${point.takenAt}, ${point.consistency}${why}`);
  return point;
}

/** The newest point that is known to have been sealed, where all that are listed are older: a damaged one is left out of the list. */
export function lackedPoint(points: readonly ListedPoint[], known: ItemState["lastSealed"]): Sealed | undefined {
  const newest = points.at(-1);
  if (known === null || newest === undefined || newest.id === known.cut) return undefined;
  return isOlder(newest, known) ? known : undefined;
}

/** Of the points of a replica, as they are listed. */
export function newestOf(points: readonly ListedPoint[]): Sealed | undefined {
  const newest = points.at(-1);
  return newest === undefined ? undefined : { cut: newest.id, takenAt: newest.takenAt, sealedAt: newest.sealedAt };
}

const replacing = "; it has taken the place of the one chosen first, which replication has gone beyond meanwhile";

/** How to find the point again that a selector means by then; a point asked for by its id is that one only. */
export const newest = (job: Steps, selector: PointSelector): { readonly chooseAgain?: () => Promise<ListedPoint> } =>
  selector.kind === "custom" ? {} : { chooseAgain: () => targetPoint(job, selector, replacing) };

import type { CutId, HostName, ReplicaId, SiteName } from "#domain/ids.ts";
import { choosePoint } from "#domain/points.ts";
import type { Verification } from "#platforms/platform.ts";
import { failWith, faultOf } from "#workflows/failure.ts";
import { atSiteForLong, atSiteWithin } from "#workflows/sites.ts";

/** Reads a recovery point again where it is kept, and compares its digests; `point` absent: the newest. Changes nothing. */
export async function VerifyPoint(at: {
  readonly site: SiteName;
  readonly host: HostName;
  readonly replica: ReplicaId;
  readonly point?: CutId;
}): Promise<Verification & { readonly point: CutId }> {
  const { site, host, replica } = at;
  try {
    const points = await atSiteWithin(site, 30).listPoints({ host, replica });
    const { id } = choosePoint(
      points,
      at.point === undefined ? { kind: "latest" } : { kind: "custom", pointId: at.point },
    );
    return { point: id, ...(await atSiteForLong(site).verifyPoint({ host, replica, point: id })) };
  } catch (error) {
    throw failWith(faultOf(error));
  }
}

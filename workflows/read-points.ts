import type { ListedPoint } from "#domain/cut.ts";
import type { HostName, ReplicaId, SiteName } from "#domain/ids.ts";
import { failWith, faultOf } from "#workflows/failure.ts";
import { atSiteWithin } from "#workflows/sites.ts";

/** The recovery points of a replica, read where it is kept: a short workflow, because only a site's own worker may ask its hosts. */
export async function ReadPoints(at: {
  readonly site: SiteName;
  readonly host: HostName;
  readonly replica: ReplicaId;
}): Promise<readonly ListedPoint[]> {
  try {
    return await atSiteWithin(at.site, 30).listPoints({ host: at.host, replica: at.replica });
  } catch (error) {
    throw failWith(faultOf(error));
  }
}

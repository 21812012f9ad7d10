import { Fault } from "#domain/fault.ts";
import type { HostName } from "#domain/ids.ts";
import type { Platform, RecoveryTarget, ReplicationSource } from "#platforms/platform.ts";

/** The platform of one of the site's hosts, opened when it is first needed and kept. */
export type OpenHost = (host: HostName) => Promise<Platform>;

/** Rejects with `PREREQUISITES_FAILED` when machines on that host cannot be replicated from. */
export async function sourceOf(openHost: OpenHost, host: HostName): Promise<ReplicationSource> {
  const platform = await openHost(host);
  if (platform.source !== undefined) return platform.source;
  throw new Fault(
    "PREREQUISITES_FAILED",
    `Host ${host} (${platform.kind}) cannot be replicated from. Choose a host whose platform can be a source.`,
  );
}

/** Rejects with `PREREQUISITES_FAILED` when replicas cannot be kept on that host. */
export async function targetOf(openHost: OpenHost, host: HostName): Promise<RecoveryTarget> {
  const platform = await openHost(host);
  if (platform.target !== undefined) return platform.target;
  throw new Fault(
    "PREREQUISITES_FAILED",
    `Host ${host} (${platform.kind}) cannot keep replicas. Choose a host whose platform can be a target.`,
  );
}

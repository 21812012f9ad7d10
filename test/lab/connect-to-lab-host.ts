import { configuredHost } from "#lab/hosts/configured-host.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { connectHost } from "#platforms/libvirt/ssh/connect-host.ts";

/** The product's own connection to a host of the lab. */
export const connectTo = (host: LabHost): HostConnection => connectHost({ host: configuredHost(host) });

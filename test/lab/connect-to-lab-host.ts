import type { LabHost } from "#lab/hosts/host.ts";
import { hostName } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { connectHost } from "#platforms/libvirt/ssh/connect-host.ts";

/** The product's own connection to a host of the lab. */
export const connectTo = (host: LabHost): HostConnection =>
  connectHost({
    host: {
      name: hostName(host.name),
      kind: "libvirt",
      address: host.address,
      port: host.port,
      user: host.user,
      hostKey: host.hostKey,
      identityFile: host.identityFile,
      store: host.store,
    },
  });

import type { Host } from "#domain/configuration.ts";
import { hostName } from "#domain/ids.ts";
import type { LabHost } from "./host.ts";

/** A lab host as a site's configuration names it. */
export const configuredHost = (host: LabHost): Host => ({
  name: hostName(host.name),
  kind: "libvirt",
  address: host.address,
  port: host.port,
  user: host.user,
  hostKey: host.hostKey,
  identityFile: host.identityFile,
  store: host.store,
});

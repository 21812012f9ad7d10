import type { Host } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { nearest } from "#domain/nearest.ts";
import { createLibvirtPlatform } from "./libvirt/platform.ts";
import type { Platform, PlatformContext } from "./platform.ts";

/** Every adapter there is, by the `kind` of a host in the configuration. The one place that knows them all. */
const factories: Readonly<Record<string, (context: PlatformContext) => Promise<Platform>>> = {
  libvirt: createLibvirtPlatform,
};

/** The kinds a host may have. */
export const platformKinds: readonly string[] = Object.keys(factories);

/** Opens the platform of one host; whoever opens it disposes of it. Rejects with `CONFIG_INVALID` for a kind there is no adapter for. */
export const openPlatform = (host: Host, context: Omit<PlatformContext, "host">): Promise<Platform> => {
  const factory = Object.hasOwn(factories, host.kind) ? factories[host.kind] : undefined;
  if (factory !== undefined) return factory({ ...context, host });
  const meant = nearest(host.kind, platformKinds);
  return Promise.reject(
    new Fault(
      "CONFIG_INVALID",
      `Host ${host.name} has the kind "${host.kind}".${meant === undefined ? "" : ` Do you mean "${meant}"?`} There are: ${platformKinds.join(", ")}.`,
      { details: { host: host.name, kind: host.kind } },
    ),
  );
};

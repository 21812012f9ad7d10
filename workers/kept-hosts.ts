import { isDeepStrictEqual } from "node:util";
import type { OpenHost } from "#activities/hosts.ts";
import type { Configuration, Host } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import type { HostName, SiteName } from "#domain/ids.ts";
import { nearest } from "#domain/nearest.ts";
import type { Platform, PlatformContext } from "#platforms/platform.ts";

/** How a worker comes to the platform of a host. */
export type OpenPlatform = (host: Host, context: Omit<PlatformContext, "host">) => Promise<Platform>;

/** The platforms of a site's hosts: each opened when it is first needed, kept, and opened anew when its configuration has changed. */
export interface KeptHosts extends AsyncDisposable {
  readonly open: OpenHost;
  /** All that the site has now. */
  names(): Promise<readonly HostName[]>;
}

interface Kept {
  readonly host: Host;
  readonly platform: Promise<Platform>;
}

export function keepHosts(options: {
  readonly site: SiteName;
  /** Asked each time, so that a changed configuration is heard of; whoever gives it caches it. */
  readonly configuration: () => Promise<Configuration>;
  readonly openPlatform: OpenPlatform;
  readonly context: Omit<PlatformContext, "host">;
}): KeptHosts {
  const { site, configuration, openPlatform, context } = options;
  const kept = new Map<HostName, Kept>();
  const hosts = async () => (await configuration()).sites[site]?.hosts ?? {};

  const close = async ({ platform }: Kept): Promise<void> => {
    // One that could not be opened has said so to whoever asked for it, and has nothing to close.
    const opened = await platform.catch(() => undefined);
    await opened?.[Symbol.asyncDispose]();
  };

  return {
    async open(name) {
      const all = await hosts();
      const host = all[name];
      if (host === undefined) throw unknownHost(site, name, Object.keys(all));
      const known = kept.get(name);
      if (known !== undefined && isDeepStrictEqual(known.host, host)) return await known.platform;
      const opening: Kept = { host, platform: openPlatform(host, context) };
      kept.set(name, opening);
      // Not kept when it fails: the next call tries again.
      opening.platform.catch(() => kept.get(name) === opening && kept.delete(name));
      if (known !== undefined) void close(known).catch((error: unknown) => context.onWarning(error));
      return await opening.platform;
    },
    names: async () => Object.values(await hosts()).map(({ name }) => name),
    async [Symbol.asyncDispose]() {
      const all = [...kept.values()];
      kept.clear();
      await Promise.all(all.map(close));
    },
  };
}

function unknownHost(site: string, name: string, known: readonly string[]): Fault {
  const meant = nearest(name, known);
  return new Fault(
    "CONFIG_INVALID",
    `Site ${site} has no host “${name}” in the applied configuration${meant === undefined ? "" : ` (did you mean ${meant}?)`}. It has: ${known.join(", ") || "none"}.`,
  );
}

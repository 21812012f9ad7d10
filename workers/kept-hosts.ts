import { isDeepStrictEqual } from "node:util";
import type { OpenHost } from "#activities/hosts.ts";
import type { Host } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import type { HostName, SiteName } from "#domain/ids.ts";
import { nearest } from "#domain/nearest.ts";
import type { Platform, PlatformContext } from "#platforms/platform.ts";
import type { WatchedConfiguration } from "#workers/watched-configuration.ts";

/** How a worker comes to the platform of a host. */
export type OpenPlatform = (host: Host, context: Omit<PlatformContext, "host">) => Promise<Platform>;

/** A host's platform, opened by the settings that the configuration had then. */
export interface HeldHost {
  readonly name: HostName;
  readonly platform: Platform;
  /** Fires when the settings have changed. What goes on for long ends then, and begins anew with what `hold` answers from then on. */
  readonly superseded: AbortSignal;
}

/** The platforms of a site's hosts: each opened when it is first needed, kept, and given up when its configuration has changed. */
export interface KeptHosts extends AsyncDisposable {
  readonly open: OpenHost;
  /** The same, for what goes on for long. */
  hold(name: HostName): Promise<HeldHost>;
  /** The configuration has changed: gives up what was opened by other settings than those of now. */
  heed(): void;
  /** All that the site has now. */
  names(): readonly HostName[];
}

interface Kept {
  readonly host: Host;
  readonly platform: Promise<Platform>;
  readonly superseded: AbortController;
}

/** What was given up is closed after that time: what ends with it puts its things in order first, and short steps come to their end. */
const closeAfterMs = 30_000;

export function keepHosts(options: {
  readonly site: SiteName;
  readonly configuration: Pick<WatchedConfiguration, "current" | "refresh">;
  readonly openPlatform: OpenPlatform;
  readonly context: Omit<PlatformContext, "host">;
  readonly closeAfterMs?: number;
}): KeptHosts {
  const { site, configuration, openPlatform, context } = options;
  const kept = new Map<HostName, Kept>();
  /** Given up, and not closed yet. */
  const closing = new Map<Kept, NodeJS.Timeout>();
  const hosts = () => configuration.current.sites[site]?.hosts ?? {};

  const close = async ({ platform }: Kept): Promise<void> => {
    // One that could not be opened has said so to whoever asked for it, and has nothing to close.
    const opened = await platform.catch(() => undefined);
    await opened?.[Symbol.asyncDispose]();
  };
  const giveUp = (name: HostName, known: Kept): void => {
    if (kept.get(name) === known) kept.delete(name);
    known.superseded.abort();
    const later = setTimeout(() => {
      closing.delete(known);
      close(known).catch((error: unknown) => context.onWarning(error));
    }, options.closeAfterMs ?? closeAfterMs);
    closing.set(known, later.unref());
  };
  const isCurrent = (name: HostName, { host }: Kept): boolean => isDeepStrictEqual(host, hosts()[name]);

  async function hold(name: HostName): Promise<HeldHost> {
    // It may have been applied this moment.
    if (hosts()[name] === undefined) await configuration.refresh();
    const host = hosts()[name];
    if (host === undefined) throw unknownHost(site, name, Object.keys(hosts()));
    const known = kept.get(name);
    if (known !== undefined && !isCurrent(name, known)) giveUp(name, known);
    const { platform, superseded } = kept.get(name) ?? opening(name, host);
    return { name, platform: await platform, superseded: superseded.signal };
  }

  function opening(name: HostName, host: Host): Kept {
    const opened: Kept = { host, platform: openPlatform(host, context), superseded: new AbortController() };
    kept.set(name, opened);
    // Not kept when it fails: the next call tries again.
    opened.platform.catch(() => kept.get(name) === opened && kept.delete(name));
    return opened;
  }

  return {
    open: async (name) => (await hold(name)).platform,
    hold,
    heed() {
      for (const [name, known] of kept) if (!isCurrent(name, known)) giveUp(name, known);
    },
    names: () => Object.values(hosts()).map(({ name }) => name),
    async [Symbol.asyncDispose]() {
      const all = [...kept.values(), ...closing.keys()];
      for (const later of closing.values()) clearTimeout(later);
      kept.clear();
      closing.clear();
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

import { completePolicy } from "./complete-policy.ts";
import type { WrittenConfiguration } from "./schema.ts";
import type { Configuration, Host, ItemConfiguration, NetworkMapping, Site } from "#domain/configuration.ts";
import { diskId, hostName, itemName, siteName } from "#domain/ids.ts";
import { defaultPolicy } from "#domain/policy.ts";

export const defaults = {
  streamPort: 9443,
  sshPort: 22,
  user: "root",
  store: "/var/lib/understudy",
  shutdownGraceSeconds: 60,
  autostart: "host",
} as const;

type WrittenSite = WrittenConfiguration["sites"][string];
type WrittenHost = WrittenSite["hosts"][string];
type WrittenItem = NonNullable<WrittenConfiguration["items"]>[string];

const completeHost = (name: string, written: WrittenHost): Host => {
  const { jumpHost } = written;
  return {
    name: hostName(name),
    kind: written.kind,
    address: written.address,
    port: written.port ?? defaults.sshPort,
    user: written.user ?? defaults.user,
    hostKey: written.hostKey,
    ...(written.identityFile === undefined ? {} : { identityFile: written.identityFile }),
    ...(jumpHost === undefined
      ? {}
      : {
          jumpHost: {
            address: jumpHost.address,
            port: jumpHost.port ?? defaults.sshPort,
            user: jumpHost.user,
            hostKey: jumpHost.hostKey,
            ...(jumpHost.identityFile === undefined ? {} : { identityFile: jumpHost.identityFile }),
          },
        }),
    store: written.store ?? defaults.store,
  };
};

const completeSite = (name: string, written: WrittenSite): Site => ({
  name: siteName(name),
  stream: { address: written.stream.address, port: written.stream.port ?? defaults.streamPort },
  hosts: mapValues(written.hosts, completeHost),
});

/** The host may be left out where its site has only one (`check-references.ts` has seen to that). */
const completePlace = (written: WrittenItem["primary"], sites: WrittenConfiguration["sites"]) => ({
  site: siteName(written.site),
  host: hostName(written.host ?? Object.keys(sites[written.site]?.hosts ?? {})[0] ?? ""),
});

const completeItem = (name: string, written: WrittenItem, sites: WrittenConfiguration["sites"]): ItemConfiguration => ({
  name: itemName(name),
  machine: written.machine ?? name,
  primary: completePlace(written.primary, sites),
  secondary: completePlace(written.secondary, sites),
  policy: written.policy ?? defaultPolicy.name,
  excludeDisks: (written.excludeDisks ?? []).map(diskId),
  shutdownGraceSeconds: written.shutdownGrace ?? defaults.shutdownGraceSeconds,
  autostart: written.autostart ?? defaults.autostart,
});

/** The way home goes the way there backwards, where the file says nothing else. */
const withWaysBack = (mappings: readonly NetworkMapping[]): readonly NetworkMapping[] => {
  const all = [...mappings];
  for (const { from, to } of mappings) {
    const known = all.some(
      (other) => other.from.site === to.site && other.from.network === to.network && other.to.site === from.site,
    );
    if (!known) all.push({ from: to, to: from });
  }
  return all;
};

const mapValues = <Value, Result>(
  values: Readonly<Record<string, Value>>,
  make: (name: string, value: Value) => Result,
): Record<string, Result> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, make(name, value)]));

/** A written configuration that has been checked, with every default in. */
export const complete = (written: WrittenConfiguration): Configuration => ({
  sites: mapValues(written.sites, completeSite),
  policies: { [defaultPolicy.name]: defaultPolicy, ...mapValues(written.policies ?? {}, completePolicy) },
  networkMappings: withWaysBack(
    (written.networkMappings ?? []).map(({ from, to }) => ({
      from: { site: siteName(from.site), network: from.network },
      to: { site: siteName(to.site), network: to.network },
    })),
  ),
  items: mapValues(written.items ?? {}, (name, item) => completeItem(name, item, written.sites)),
});

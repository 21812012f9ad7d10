import { defaults } from "./complete.ts";
import type { Path } from "./problem.ts";
import { namePattern, nameRule } from "#domain/names.ts";
import { nearest } from "#domain/nearest.ts";
import { defaultPolicy } from "#domain/policy.ts";

/** What is wrong at a path, before it has a place in the file. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly at?: "key" | "value";
}

type Raw = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Raw => typeof value === "object" && value !== null && !Array.isArray(value);
const mapAt = (value: unknown, key: string): Raw => {
  const found = isMap(value) ? value[key] : undefined;
  return isMap(found) ? found : {};
};
const textAt = (value: unknown, key: string): string | undefined => {
  const found = isMap(value) ? value[key] : undefined;
  return typeof found === "string" ? found : undefined;
};

const unknown = (kind: string, name: string, known: readonly string[]): string => {
  const meant = nearest(name, known);
  const there = known.length === 0 ? `there is no ${kind}` : `there are: ${known.join(", ")}`;
  return `names the ${kind} ${JSON.stringify(name)}, which is not defined${meant === undefined ? "" : ` (did you mean ${meant}?)`}; ${there}`;
};

/**
 * What the shape alone does not show: names that are not defined, places that contradict each other, things given twice. Looks at the data as it was written, so that it
 * finds these also where other parts are wrong.
 */
export function* checkReferences(data: unknown): Generator<Finding> {
  const sites = mapAt(data, "sites");
  const items = mapAt(data, "items");
  yield* checkNames(data);
  yield* checkSites(sites);
  yield* checkMappings(data, sites);
  const policies = [...new Set([defaultPolicy.name, ...Object.keys(mapAt(data, "policies"))])];
  const machines = new Map<string, string>();
  for (const [name, item] of Object.entries(items)) {
    for (const end of ["primary", "secondary"] as const)
      yield* checkPlace(["items", name, end], mapAt(item, end), sites);
    const primary = mapAt(item, "primary");
    const from = textAt(primary, "site");
    if (from !== undefined && from === textAt(mapAt(item, "secondary"), "site"))
      yield {
        path: ["items", name, "secondary", "site"],
        message: `is ${JSON.stringify(from)}, the same as its primary: a replica at the same site does not survive it`,
      };
    const policy = textAt(item, "policy");
    if (policy !== undefined && !policies.includes(policy))
      yield { path: ["items", name, "policy"], message: unknown("policy", policy, policies) };
    const machine = `${sameId(textAt(item, "machine") ?? name)} on ${String(from)}/${textAt(primary, "host") ?? onlyHost(sites, from) ?? ""}`;
    const other = machines.get(machine);
    if (other !== undefined)
      yield {
        path: ["items", name],
        at: "key",
        message: `protects the same machine as the item ${other}: one machine is one item`,
      };
    else machines.set(machine, name);
  }
}

/** Ids are the same in capitals, names are not. Whether a name and an id mean the same machine its host knows: it is checked when protection is enabled. */
const sameId = (machine: string): string =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(machine) ? machine.toLowerCase() : machine;

/** The host that is meant where none is named. */
const onlyHost = (sites: Raw, site: string | undefined): string | undefined => {
  const hosts = Object.keys(mapAt(mapAt(sites, site ?? ""), "hosts"));
  return hosts.length === 1 ? hosts[0] : undefined;
};

function* checkNames(data: unknown): Generator<Finding> {
  const groups: (readonly [Path, Raw])[] = ["sites", "policies", "items"].map((kind) => [[kind], mapAt(data, kind)]);
  for (const [site, value] of Object.entries(mapAt(data, "sites")))
    groups.push([["sites", site, "hosts"], mapAt(value, "hosts")]);
  for (const [path, group] of groups)
    for (const name of Object.keys(group))
      if (!namePattern.test(name))
        yield { path: [...path, name], at: "key", message: `is no valid name; use ${nameRule}` };
}

function* checkSites(sites: Raw): Generator<Finding> {
  const streams = new Map<string, string>();
  for (const [name, site] of Object.entries(sites)) {
    const stream = mapAt(site, "stream");
    const address = textAt(stream, "address");
    const at = `${String(address)}:${JSON.stringify(stream["port"] ?? defaults.streamPort)}`;
    const other = streams.get(at);
    if (address !== undefined && other !== undefined)
      yield {
        path: ["sites", name, "stream"],
        message: `is the same as that of the site ${other}: each site has a worker of its own`,
      };
    else streams.set(at, name);
    if (isMap(isMap(site) ? site["hosts"] : undefined) && Object.keys(mapAt(site, "hosts")).length === 0)
      yield { path: ["sites", name, "hosts"], at: "key", message: "is empty; a site needs at least one host" };
  }
}

function* checkPlace(path: Path, place: Raw, sites: Raw): Generator<Finding> {
  const site = textAt(place, "site");
  if (site === undefined) return;
  if (!Object.hasOwn(sites, site)) {
    yield { path: [...path, "site"], message: unknown("site", site, Object.keys(sites)) };
    return;
  }
  const hosts = Object.keys(mapAt(sites[site], "hosts"));
  const host = textAt(place, "host");
  if (host === undefined && place["host"] === undefined && hosts.length > 1)
    yield {
      path: [...path, "host"],
      message: `is missing, and the site ${site} has several hosts: ${hosts.join(", ")}`,
    };
  if (host !== undefined && !hosts.includes(host))
    yield { path: [...path, "host"], message: unknown(`host of the site ${site}`, host, hosts) };
}

function* checkMappings(data: unknown, sites: Raw): Generator<Finding> {
  const mappings = isMap(data) ? data["networkMappings"] : undefined;
  if (!Array.isArray(mappings)) return;
  const seen = new Map<string, number>();
  for (const [index, mapping] of mappings.entries()) {
    const path = ["networkMappings", index];
    for (const end of ["from", "to"] as const) {
      const site = textAt(mapAt(mapping, end), "site");
      if (site !== undefined && !Object.hasOwn(sites, site))
        yield { path: [...path, end, "site"], message: unknown("site", site, Object.keys(sites)) };
    }
    const from = mapAt(mapping, "from");
    const to = textAt(mapAt(mapping, "to"), "site");
    if (to !== undefined && textAt(from, "site") === to)
      yield {
        path: [...path, "to", "site"],
        message: `is ${JSON.stringify(to)}, the same as in from: a mapping leads to another site`,
      };
    const key = JSON.stringify([from["site"], from["network"], to]);
    const first = seen.get(key);
    if (to !== undefined && first !== undefined)
      yield {
        path,
        message: `maps the network ${String(from["network"])} to ${to} a second time, after networkMappings[${String(first)}]`,
      };
    else seen.set(key, index);
  }
}

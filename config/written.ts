import { writtenFields } from "./complete-policy.ts";
import { rateText } from "./units.ts";
import type { ConfigurationChange } from "#domain/configuration-change.ts";
import type { Configuration, NetworkMapping } from "#domain/configuration.ts";
import type { BandwidthWindow } from "#domain/policy.ts";
import { inUnits } from "#domain/policy-check.ts";

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A change in the words of the user's file: its keys, and its values with their units. The way back from `complete.ts`. */
export const writtenChange = ({ path, before, after, ...change }: ConfigurationChange): ConfigurationChange => {
  const [group = "", name, ...inner] = path.split(".");
  const written = (value: unknown): unknown =>
    writtenAt([group, ...(name === undefined ? [] : [name]), ...inner], value);
  return {
    ...change,
    path: [group, name, ...inner.map((key) => keyIn(group, key))].filter((part) => part !== undefined).join("."),
    ...(before === undefined ? {} : { before: written(before) }),
    ...(after === undefined ? {} : { after: written(after) }),
  };
};

/** A whole configuration as a file of the user's has it, with every default said. The way back from `complete.ts`: read again it is the same. */
export const writtenConfiguration = ({ sites, policies, networkMappings, items }: Configuration): Fields => ({
  version: 1,
  sites: mapFields(sites, (name, site) => writtenAt(["sites", name], site)),
  policies: mapFields(policies, (name, policy) => writtenAt(["policies", name], policy)),
  ...(networkMappings.length === 0 ? {} : { networkMappings: writtenAt(["networkMappings"], networkMappings) }),
  items: mapFields(items, (name, item) => writtenAt(["items", name], item)),
});

const keyIn = (group: string, field: string): string => {
  if (group === "policies") return writtenFields[field] ?? field;
  return group === "items" && field === "shutdownGraceSeconds" ? "shutdownGrace" : field;
};

/** A value that stands at a path of the configuration, as the file has it there. */
const writtenAt = (path: readonly string[], value: unknown): unknown => {
  const [group = "", , field, host] = path;
  if (group === "networkMappings") return withoutWaysBack(value as readonly NetworkMapping[]);
  if (field !== undefined)
    return group === "sites" && host !== undefined && isFields(value) ? unnamed(value) : valueOf(field, value);
  if (!isFields(value)) return value;
  if (group === "sites") {
    const { hosts, ...site } = unnamed(value);
    return {
      ...site,
      hosts: mapFields(isFields(hosts) ? hosts : {}, (_, each) => (isFields(each) ? unnamed(each) : each)),
    };
  }
  return Object.fromEntries(
    Object.entries(unnamed(value)).flatMap(([key, each]) =>
      Array.isArray(each) && each.length === 0 ? [] : [[keyIn(group, key), valueOf(key, each)]],
    ),
  );
};

/** Names are the keys of the file's maps. */
const unnamed = ({ name: _, ...rest }: Fields): Fields => rest;
const mapFields = (fields: Fields, make: (key: string, value: unknown) => unknown): Fields =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, make(key, value)]));

const valueOf = (field: string, value: unknown): unknown => {
  if (field === "bandwidthWindows" && Array.isArray(value))
    return value.map((window) => writtenWindow(window as BandwidthWindow));
  if (typeof value !== "number") return value;
  if (field === "appConsistentEverySeconds" && value === 0) return "off";
  if (field.endsWith("Seconds")) return inUnits(value);
  if (field === "bytesPerSecond") return rateText(value);
  return field === "scratchPercent" ? `${String(value)}%` : value;
};

const daysOfTheWeek = 7;

const writtenWindow = ({ days, from, to, bytesPerSecond }: BandwidthWindow): Fields => ({
  ...(days.length === daysOfTheWeek ? {} : { days }),
  from,
  to,
  limit: rateText(bytesPerSecond),
});

/** `complete.ts` adds the way back to each mapping that has none; nobody has written it. */
const withoutWaysBack = (mappings: readonly NetworkMapping[]): readonly NetworkMapping[] =>
  mappings.filter(
    ({ from, to }, index) =>
      !mappings.slice(0, index).some((other) => sameEnd(other.from, to) && sameEnd(other.to, from)),
  );

const sameEnd = (one: NetworkMapping["from"], other: NetworkMapping["from"]): boolean =>
  one.site === other.site && one.network === other.network;

import type { ConfigurationChange } from "#domain/configuration-change.ts";
import type { Configuration } from "#domain/configuration.ts";
import type { DiskId, ItemName } from "#domain/ids.ts";
import { defaultPolicy } from "#domain/policy.ts";

type Tree = Readonly<Record<string, unknown>>;
const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

/** Deep equality of plain JSON; the order of keys does not count. */
const equal = (left: unknown, right: unknown): boolean => {
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((value, index) => equal(value, right[index]));
  if (!isTree(left) || !isTree(right)) return left === right;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => equal(left[key], right[key]));
};

function* compare(path: readonly string[], before: unknown, after: unknown): Generator<ConfigurationChange> {
  if (equal(before, after)) return;
  const at = path.join(".");
  if (before === undefined) yield explained({ path: at, kind: "added", after }, path);
  else if (after === undefined) yield explained({ path: at, kind: "removed", before }, path);
  else if (isTree(before) && isTree(after))
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      yield* compare([...path, key], before[key], after[key]);
  else yield explained({ path: at, kind: "changed", before, after }, path);
}

const explained = (change: ConfigurationChange, path: readonly string[]): ConfigurationChange => {
  const consequence = consequenceOf(change, path);
  return consequence === undefined ? change : { ...change, consequence };
};

const consequenceOf = ({ kind }: ConfigurationChange, path: readonly string[]): string | undefined => {
  const [group, name = "", field, inner] = path;
  if (group === "items" && field === undefined && kind === "added")
    return `${name} can then be protected: understudy protect ${name}.`;
  if (group === "items" && field === undefined && kind === "removed")
    return `${name} is forgotten; refused while it is protected.`;
  if (group === "items" && field === "policy") return "Takes effect with the next delta; nothing is copied again.";
  if (group === "items" && (field === "machine" || field === "primary" || field === "secondary"))
    return `Refused while ${name} is protected: its replica belongs to the machine and the places it was made for.`;
  if (group === "items" && field === "excludeDisks")
    return "Of a protected item it takes effect with the next delta: a disk taken in is copied whole, an excluded one is in no later point. A name that the machine does not have is told by `understudy status`, or when protection is enabled.";
  if (group === "items" && field === "autostart")
    return "Of a protected item it takes effect within seconds; it says who starts the machine after a restart of its host, where its autostart is on.";
  if (group === "policies" && kind === "changed")
    return `Takes effect with the next delta of every item under the policy ${name}.`;
  if (group === "sites" && field === "stream") return `The worker of ${name} must be restarted to listen there.`;
  if (group === "sites" && field === "hosts" && inner !== undefined)
    return `Workers of ${name} connect anew within seconds; \`understudy status\` says when they cannot.`;
  return undefined;
};

/**
 * Everything that differs, by place; empty when nothing does. Lists are compared whole. `before` absent: nothing was applied yet, and there is only the policy that
 * always exists.
 */
export const diffConfiguration = (
  before: Configuration | undefined,
  after: Configuration,
): readonly ConfigurationChange[] => {
  const old: Configuration = before ?? {
    sites: {},
    policies: { [defaultPolicy.name]: defaultPolicy },
    networkMappings: [],
    items: {},
  };
  return ["sites", "policies", "networkMappings", "items"].flatMap((group) => [
    ...compare([group], (old as unknown as Tree)[group], (after as unknown as Tree)[group]),
  ]);
};

/**
 * Why the new configuration would hurt items that are protected now, one sentence each; empty when it would not. An item that is protected may not be taken out, nor
 * may its machine or places change, nor the host and store that its replica lies on, and some disk of it must go on being replicated. What is so already is not refused again.
 */
export const hurtfulChanges = (
  before: Configuration,
  after: Configuration,
  protectedItems: readonly { readonly name: ItemName; readonly disks: readonly DiskId[] }[],
): readonly string[] =>
  protectedItems.flatMap(({ name, disks }) => {
    const old = before.items[name];
    const next = after.items[name];
    if (old === undefined) return [];
    if (next === undefined)
      return [
        `items.${name} is protected and cannot be taken out: disable its protection first (understudy disable ${name}).`,
      ];
    const moved = (["machine", "primary", "secondary"] as const).filter((field) => !equal(old[field], next[field]));
    const places = (["primary", "secondary"] as const).flatMap((end) => {
      const store = (configuration: Configuration, place: typeof old.primary): string | undefined =>
        configuration.sites[place.site]?.hosts[place.host]?.store;
      return !moved.includes(end) && store(before, old[end]) !== store(after, next[end])
        ? [`the store of sites.${old[end].site}.hosts.${old[end].host}`]
        : [];
    });
    const fields = [...moved.map((field) => `items.${name}.${field}`), ...places];
    const takenIn = old.excludeDisks.some((disk) => !next.excludeDisks.includes(disk));
    const excludesMore = disks.some((disk) => next.excludeDisks.includes(disk) && !old.excludeDisks.includes(disk));
    const leavesNone = excludesMore && !takenIn && disks.every((disk) => next.excludeDisks.includes(disk));
    return [
      ...(fields.length === 0
        ? []
        : [
            `${fields.join(", ")} cannot change while ${name} is protected: disable its protection first (understudy disable ${name}).`,
          ]),
      ...(leavesNone
        ? [
            `items.${name}.excludeDisks names every disk that is replicated of ${name} (${disks.join(", ")}): leave one of them, or disable its protection.`,
          ]
        : []),
    ];
  });

import { expect, test } from "vitest";
import { diffConfiguration, hurtfulChanges } from "#domain/configuration-diff.ts";
import type { Configuration } from "#domain/configuration.ts";
import { diskId, hostName, itemName, siteName } from "#domain/ids.ts";
import { defaultPolicy } from "#domain/policy.ts";

const site = (name: string, store = "/var/lib/understudy") => ({
  name: siteName(name),
  stream: { address: `${name}.example.org`, port: 9443 },
  hosts: {
    kvm1: { name: hostName("kvm1"), kind: "libvirt", address: name, port: 22, user: "root", hostKey: "k", store },
  },
});
const configuration = (changes: Partial<Configuration> = {}): Configuration => ({
  sites: { [siteName("paris")]: site("paris"), [siteName("lyon")]: site("lyon") },
  policies: { default: defaultPolicy },
  networkMappings: [],
  items: {
    [itemName("app1")]: {
      name: itemName("app1"),
      machine: "app1",
      primary: { site: siteName("paris"), host: hostName("kvm1") },
      secondary: { site: siteName("lyon"), host: hostName("kvm1") },
      policy: "default",
      excludeDisks: [],
      shutdownGraceSeconds: 60,
    },
  },
  ...changes,
});
const withItem = (changes: object): Configuration => {
  const before = configuration();
  return { ...before, items: { app1: { ...before.items[itemName("app1")], ...changes } } } as Configuration;
};
const protectedItems = [{ name: itemName("app1"), disks: [diskId("vda"), diskId("vdb")] }];

test("the same configuration differs in nothing, whatever the order of its keys", () => {
  const before = configuration();
  const reordered = {
    items: before.items,
    networkMappings: [],
    policies: before.policies,
    sites: { lyon: site("lyon"), paris: site("paris") },
  };
  expect(diffConfiguration(before, reordered)).toEqual([]);
});

test("everything is added where nothing was applied yet, but the policy that always exists", () => {
  expect(diffConfiguration(undefined, configuration()).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    "added sites.paris",
    "added sites.lyon",
    "added items.app1",
  ]);
});

test("a change is told by its smallest place, with both values and what it does", () => {
  const longer = configuration({ policies: { default: { ...defaultPolicy, retentionSeconds: 172_800 } } });
  expect(diffConfiguration(configuration(), longer)).toEqual([
    {
      path: "policies.default.retentionSeconds",
      kind: "changed",
      before: 86_400,
      after: 172_800,
      consequence: "Takes effect with the next delta of every item under the policy default.",
    },
  ]);
});

test("taking a protected item out, moving it or moving its store is refused by name; an unprotected one may go", () => {
  const without = configuration({ items: {} });
  expect(hurtfulChanges(configuration(), without, protectedItems)).toEqual([
    "items.app1 is protected and cannot be taken out: disable its protection first (understudy disable app1).",
  ]);
  expect(hurtfulChanges(configuration(), without, [])).toEqual([]);
  expect(hurtfulChanges(configuration(), withItem({ machine: "other" }), protectedItems)).toEqual([
    "items.app1.machine cannot change while app1 is protected: disable its protection first (understudy disable app1).",
  ]);
  const moved = configuration({
    sites: { [siteName("paris")]: site("paris"), [siteName("lyon")]: site("lyon", "/srv") },
  });
  expect(hurtfulChanges(configuration(), moved, protectedItems)[0]).toMatch(
    /^the store of sites\.lyon\.hosts\.kvm1 cannot change/u,
  );
});

test("another policy for a protected item hurts nothing", () => {
  expect(hurtfulChanges(configuration(), withItem({ policy: "nightly" }), protectedItems)).toEqual([]);
});

test("excluding every disk that is replicated is refused, unless others are taken in; excluding some is not", () => {
  const excluding = (...disks: string[]) => withItem({ excludeDisks: disks.map(diskId) });
  expect(hurtfulChanges(configuration(), excluding("vda", "vdb"), protectedItems)).toEqual([
    "items.app1.excludeDisks names every disk that is replicated of app1 (vda, vdb): leave one of them, or disable its protection.",
  ]);
  expect(hurtfulChanges(configuration(), excluding("vdb"), protectedItems)).toEqual([]);
  expect(hurtfulChanges(excluding("vdc"), excluding("vda", "vdb"), protectedItems)).toEqual([]);
  expect(hurtfulChanges(configuration(), excluding("vda", "vdb"), [])).toEqual([]);
  expect(hurtfulChanges(excluding("vda"), excluding("vda", "vdb"), protectedItems)).toHaveLength(1);
});

test("what the applied configuration excludes already hinders no change of anything else", () => {
  const excluded = { excludeDisks: [diskId("vda"), diskId("vdb")] };
  expect(hurtfulChanges(withItem(excluded), withItem({ ...excluded, policy: "nightly" }), protectedItems)).toEqual([]);
});

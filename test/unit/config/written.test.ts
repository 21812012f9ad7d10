import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parseConfiguration } from "#config/parse-configuration.ts";
import { writtenChange, writtenConfiguration } from "#config/written.ts";
import { yamlLine, yamlLines } from "#config/yaml-text.ts";
import { diffConfiguration } from "#domain/configuration-diff.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO17PxLt+DjAaSaZ2jmnQ71vys6uj8VGIgESr+2bFjUl";
const base = `version: 1
sites:
  paris:
    stream: { address: 10.0.0.1 }
    hosts: { kvm1: { kind: libvirt, address: 10.0.0.1, hostKey: "${key}" } }
  lyon:
    stream: { address: 10.0.0.2 }
    hosts: { kvm1: { kind: libvirt, address: 10.0.0.2, hostKey: "${key}" } }
`;
const policies = `policies:
  demo:
    interval: 1s
    crashConsistentEvery: 5m
    appConsistentEvery: 15s
    retention: 2d
    rpoThreshold: 90s
    bandwidthLimit: 200Mbit/s
    bandwidth:
      - days:
          - mon
          - sat
        from: 08:00
        to: 18:00
        limit: 512KiB/s
      - from: 22:00
        to: 06:00
        limit: 1Gbit/s
    timeZone: Europe/Paris
    scratch: 10%
    compression: off
`;
const mappings = "networkMappings: [{ from: { site: paris, network: br0 }, to: { site: lyon, network: br1 } }]\n";
const item = "items: { app1: { primary: { site: paris }, secondary: { site: lyon }, shutdownGrace: 2m } }\n";

const read = (text: string) => parseConfiguration(text, { file: "site.yaml" });
const changes = (before: string, after: string) => diffConfiguration(read(before), read(after)).map(writtenChange);

test("what is added is written as the file has it, so that it could be pasted into one", () => {
  const [policy] = changes(base, base + policies);
  expect([`policies:`, `  demo:`, ...yamlLines(policy?.after).map((line) => `    ${line}`), ""].sort()).toEqual(
    policies.split("\n").sort(),
  );
  expect(changes(base, base + item)[0]).toMatchObject({
    path: "items.app1",
    kind: "added",
    after: {
      machine: "app1",
      primary: { site: "paris", host: "kvm1" },
      secondary: { site: "lyon", host: "kvm1" },
      policy: "default",
      shutdownGrace: "2m",
      autostart: "host",
    },
  });
});

test("an added site is written without the names that are its keys", () => {
  const third = base.replace(
    "sites:\n",
    `sites:\n  nice: { stream: { address: 10.0.0.3 }, hosts: { kvm1: { kind: libvirt, address: 10.0.0.3, hostKey: "${key}" } } }\n`,
  );
  expect(changes(base, third)[0]).toMatchObject({
    path: "sites.nice",
    after: { stream: { address: "10.0.0.3", port: 9443 }, hosts: { kvm1: { address: "10.0.0.3", user: "root" } } },
  });
  expect(JSON.stringify(changes(base, third))).not.toContain('"name"');
});

test("a change has the file's key, and values in the file's units", () => {
  const told = (from: string, to: string): string[] =>
    changes(base + policies, base + policies.replace(from, to)).map(
      ({ path, before, after }) => `${path}: ${yamlLine(before)} -> ${yamlLine(after)}`,
    );
  expect(told("appConsistentEvery: 15s", "appConsistentEvery: off")).toEqual([
    "policies.demo.appConsistentEvery: 15s -> off",
  ]);
  expect(told("200Mbit/s", "10MiB/s")).toEqual(["policies.demo.bandwidthLimit: 200Mbit/s -> 10MiB/s"]);
  expect(told("scratch: 10%", "scratch: 20%")).toEqual(["policies.demo.scratch: 10% -> 20%"]);
  expect(told("limit: 1Gbit/s", "limit: 50Mbit/s")[0]).toContain(
    "policies.demo.bandwidth: [ { days: [ mon, sat ], from: 08:00, to: 18:00, limit: 512KiB/s }, { from: 22:00, to: 06:00, limit: 1Gbit/s } ] -> ",
  );
});

test("a value that is only given, or only taken away, is told as that", () => {
  expect(changes(base + policies, base + policies.replace("    bandwidthLimit: 200Mbit/s\n", ""))).toMatchObject([
    { path: "policies.demo.bandwidthLimit", kind: "removed", before: "200Mbit/s" },
  ]);
  expect(changes(base + item, base + item.replace("2m", "90s"))).toMatchObject([
    { path: "items.app1.shutdownGrace", before: "2m", after: "90s" },
  ]);
  expect(changes(base + item, base + item.replace("2m", "2m, autostart: understudy"))).toMatchObject([
    {
      path: "items.app1.autostart",
      before: "host",
      after: "understudy",
      consequence: expect.stringContaining("within seconds") as string,
    },
  ]);
});

test("the way back of a mapping, which nobody has written, is not told", () => {
  expect(changes(base, base + mappings)).toMatchObject([
    {
      path: "networkMappings",
      before: [],
      after: [{ from: { site: "paris", network: "br0" }, to: { site: "lyon", network: "br1" } }],
    },
  ]);
});

test("A whole configuration that is written as a file is the same when it is read again", async () => {
  const sample = await readFile(new URL("samples/good.yaml", import.meta.url), "utf8");
  for (const text of [sample, base, `${base}${policies}${mappings}${item}`]) {
    const configuration = parseConfiguration(text, { file: "site.yaml" });
    const written = yamlLines(writtenConfiguration(configuration)).join("\n");
    expect(parseConfiguration(written, { file: "written.yaml" })).toEqual(configuration);
  }
});

import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "#config/parse-configuration.ts";
import type { ConfigurationProblem } from "#config/problem.ts";
import { isFault } from "#domain/fault.ts";

const sample = (name: string): Promise<string> => readFile(new URL(`samples/${name}`, import.meta.url), "utf8");
const problems = (text: string): readonly string[] => {
  try {
    parseConfiguration(text, { file: "site.yaml" });
    return [];
  } catch (error) {
    if (!isFault(error) || error.code !== "CONFIG_INVALID") throw error;
    const found = error.details["problems"] as readonly ConfigurationProblem[];
    return found.map(({ line, column, path, message }) => `${String(line)}:${String(column)} ${path} ${message}`);
  }
};
const good = await sample("good.yaml");
/** The good file with one line changed. */
const changed = (from: string, to: string): string => {
  expect(good).toContain(from);
  return good.replace(from, to);
};

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO17PxLt+DjAaSaZ2jmnQ71vys6uj8VGIgESr+2bFjUl";
/** Sites with a host each, given how each begins. */
const parts = (...sites: readonly string[]): string =>
  `version: 1\nsites:\n${sites.map((site) => `${site}, hosts: { kvm1: { kind: libvirt, address: 10.0.0.1, hostKey: "${hostKey}" } } }\n`).join("")}`;

test.each(["10.78.0.999", "10.0.0", "1.2.3.4.5", "10.0.0.1:22", "::1::2", "host_1", "-host"])(
  "%s is no address",
  (address) => {
    expect(problems(changed("address: 10.0.0.1, port: 9443", `address: "${address}", port: 9443`))).toEqual([
      expect.stringMatching(/^4:\d+ sites\.paris\.stream\.address is ".*"; it must be a host name or an IP address/u),
    ]);
  },
);
test.each(["10.78.0.99", "2001:db8::7", "kvm1", "kvm-1.example.org", "3com.example"])("%s is an address", (address) => {
  expect(problems(changed("address: 10.0.0.1, port: 9443", `address: "${address}", port: 9443`))).toEqual([]);
});

describe("a good file", () => {
  test("is completed with every default", () => {
    const { sites, policies, items, networkMappings } = parseConfiguration(good, { file: "site.yaml" });
    expect(sites).toMatchObject({
      paris: { stream: { port: 9443 }, hosts: { kvm1: { port: 22, user: "root", store: "/var/lib/understudy" } } },
      lyon: { hosts: { kvm1: { jumpHost: { port: 22, user: "ops" } } } },
    });
    expect(policies).toMatchObject({
      default: { intervalSeconds: 5 },
      continuous: {
        appConsistentEverySeconds: 0,
        retentionSeconds: 86_400,
        scratchPercent: 20,
        bandwidthWindows: [
          { days: ["mon", "tue"], bytesPerSecond: 6_250_000 },
          { days: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], bytesPerSecond: 10_485_760 },
        ],
      },
    });
    expect(items).toMatchObject({
      app1: { policy: "continuous", shutdownGraceSeconds: 60, autostart: "host" },
      db1: {
        machine: "db1",
        policy: "default",
        primary: { site: "lyon", host: "kvm1" },
        excludeDisks: ["vdb"],
        shutdownGraceSeconds: 300,
      },
    });
    expect(networkMappings).toEqual([
      { from: { site: "paris", network: "br0" }, to: { site: "lyon", network: "br1" } },
      { from: { site: "lyon", network: "br1" }, to: { site: "paris", network: "br0" } },
    ]);
  });

  test("keeps a host key without its comment", () => {
    const { sites } = parseConfiguration(good, { file: "site.yaml" });
    expect(
      Object.values(sites).flatMap((site) => Object.values(site.hosts).map((host) => host.hostKey.split(" ").length)),
    ).toEqual([2, 2]);
  });
});

describe("a bad file", () => {
  test("has all its problems reported at once, each with its place", async () => {
    await expect(problems(await sample("bad.yaml")).join("\n")).toMatchFileSnapshot("samples/bad.problems.txt");
  });

  test("has what cannot be met of a policy reported beside what cannot be read of it", () => {
    const policies = `policies:
  one:
    interval: often
    crashConsistentEvery: 13h
    retention: 99d
    timeZone: Mars/X
    bandwidth:
      - { days: [moon], from: "25:00", to: "18:00", limit: 1kbit/s }
      - { from: "08:00", to: "08:00", limit: 1Mbit/s }
    colour: red
`;
    const stream = (site: string, address: string): string => `  ${site}: { stream: { address: ${address} }`;
    const text = parts(stream("paris", "10.0.0.1"), stream("lyon", "10.0.0.2")) + policies;
    const paths = problems(text).map((problem) => problem.split(" ")[1]);
    expect(paths).toEqual([
      "policies.one.interval",
      "policies.one.crashConsistentEvery",
      "policies.one.retention",
      "policies.one.timeZone",
      "policies.one.bandwidth[0].days[0]",
      "policies.one.bandwidth[0].from",
      "policies.one.bandwidth[0].limit",
      "policies.one.bandwidth[1].to",
      "policies.one.colour",
    ]);
  });

  test("is not said to contradict what cannot be read", () => {
    const contradicting = (interval: string): readonly string[] =>
      problems(
        `${parts("  paris: { stream: { address: 10.0.0.1 }")}policies: { one: { interval: ${interval}, crashConsistentEvery: 1m, rpoThreshold: 2m } }\n`,
      ).map((problem) => problem.split(" ")[1] ?? "");
    expect(contradicting("5m")).toEqual(["policies.one.crashConsistentEvery", "policies.one.rpoThreshold"]);
    expect(contradicting("5x")).toEqual(["policies.one.interval"]);
  });

  test("is refused by one sentence with a line for each problem", () => {
    expect(() => parseConfiguration(changed("policy: continuous", "policy: continous"), { file: "site.yaml" })).toThrow(
      `The configuration site.yaml has 1 problem; nothing of it was applied.\n  site.yaml:45:13: items.app1.policy names the policy "continous", which is not defined (did you mean continuous?); there are: default, continuous`,
    );
  });

  test("never has a secret repeated in its problems", async () => {
    const text = problems(await sample("bad.yaml")).join("\n");
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain("c2VjcmV0");
    const key = "-----BEGIN OPENSSH PRIVATE KEY-----\\nabcdef";
    const inUser = problems(changed("user: root", `user: "${key}"`)).join("\n");
    expect(inUser).toContain("no secret belongs into this file");
    expect(inUser).not.toContain("abcdef");
  });
});

describe("what is wrong is named with what is allowed", () => {
  test.each([
    [
      "interval: 5s",
      "interval: 5",
      "28:15 policies.continuous.interval is 5; it must be a whole number with its unit: 30s, 5m, 1h or 2d",
    ],
    [
      "limit: 50Mbit/s",
      "limit: fast",
      '34:64 policies.continuous.bandwidth[0].limit is "fast"; it must be a number with its unit: 50Mbit/s, 10MB/s or 10MiB/s',
    ],
    [
      'from: "08:00"',
      "from: 8am",
      '34:35 policies.continuous.bandwidth[0].from is "8am"; it must be a time of day like 08:00 (in quotes)',
    ],
    [
      "[mon, tue]",
      "[mon, teu]",
      '34:23 policies.continuous.bandwidth[0].days[1] is "teu"; it must be one of mon, tue, wed, thu, fri, sat, sun (did you mean tue?)',
    ],
    [
      "scratch: 20%",
      "scratch: 200%",
      "37:14 policies.continuous.scratch cannot be met: The scratch space must be 1% to 100% of the disk; it is 200%.",
    ],
    [
      "Europe/Paris",
      "Europe/Pari",
      "36:15 policies.continuous.timeZone cannot be met: Europe/Pari is no time zone; write one like UTC or Europe/Paris.",
    ],
    [
      "appConsistentEvery: off",
      "appConsistentEvery: 2d",
      "30:25 policies.continuous.appConsistentEvery cannot be met: Application-consistent points must be off or every 10s to 12h; every 2d is asked for.",
    ],
    [
      "retention: 1d",
      "retention: 20d",
      "31:16 policies.continuous.retention cannot be met: The retention must be 0s to 15d; 20d is asked for.",
    ],
    [
      "shutdownGrace: 5m",
      "shutdownGrace: 2h",
      "50:20 items.db1.shutdownGrace must be 5s to 1h: how long a guest may take to shut down",
    ],
    [
      "shutdownGrace: 5m",
      "autostart: hots",
      '50:16 items.db1.autostart is "hots"; it must be one of host, understudy (did you mean host?)',
    ],
    [
      "secondary: { site: lyon, host: kvm1 }",
      "secondary: { site: lyno, host: kvm1 }",
      '44:24 items.app1.secondary.site names the site "lyno", which is not defined (did you mean lyon?); there are: paris, lyon',
    ],
    [
      "secondary: { site: lyon, host: kvm1 }",
      "secondary: { site: lyon, host: kvm2 }",
      '44:36 items.app1.secondary.host names the host of the site lyon "kvm2", which is not defined (did you mean kvm1?); there are: kvm1',
    ],
    [
      "secondary: { site: paris }",
      "secondary: { site: lyon }",
      '49:24 items.db1.secondary.site is "lyon", the same as its primary: a replica at the same site does not survive it',
    ],
    [
      "items:",
      "item:",
      "40:1 item is not a known key (did you mean items?); allowed: version, sites, policies, networkMappings, items",
    ],
    ["version: 1", "version: 3", "1:10 version must be 1: this release reads no other version"],
  ])("%s → %s", (from, to, problem) => {
    expect(problems(changed(from, to))).toEqual([problem]);
  });

  test.each([
    ["", "1:1  is empty; it must be a map with version, sites, policies, networkMappings, items"],
    [
      "a: [1\nb: 2",
      "2:1  is not valid YAML: flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    ["version: 1\nsites:\n\tparis: {}\n", "3:1  is not valid YAML: tabs are not allowed as indentation"],
  ])("the text %j is refused as a whole", (text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });

  test("a key given twice is refused at its second place", () => {
    expect(problems(`${good}  app1: { primary: { site: paris }, secondary: { site: lyon } }\n`)).toEqual([
      "52:3  has the key app1 twice in the same place; every name may be given once",
    ]);
  });

  test("a machine that two items protect is refused", () => {
    expect(
      problems(`${good}  app2: { machine: app1, primary: { site: paris, host: kvm1 }, secondary: { site: lyon } }\n`),
    ).toEqual(["52:3 items.app2 protects the same machine as the item app1: one machine is one item"]);
  });

  test("a machine is the same also where only one of its items names its site's only host", () => {
    expect(problems(`${good}  app2: { machine: app1, primary: { site: paris }, secondary: { site: lyon } }\n`)).toEqual(
      ["52:3 items.app2 protects the same machine as the item app1: one machine is one item"],
    );
  });

  test("a machine is the same also where its id is written in capitals; names are told apart by them", () => {
    const item = (name: string, machine: string) =>
      `  ${name}: { machine: ${machine}, primary: { site: paris, host: kvm1 }, secondary: { site: lyon } }\n`;
    const uuid = "5a3705d2-13fe-49bf-a1db-8a1536ac0f87";
    expect(problems(good + item("app2", uuid) + item("app3", uuid.toUpperCase()))).toEqual([
      "53:3 items.app3 protects the same machine as the item app2: one machine is one item",
    ]);
    expect(problems(good + item("app2", "APP1"))).toEqual([]);
  });

  test("a stream is the same also where only one of its sites names the default port", () => {
    const same = parts(
      "  paris: { stream: { address: 10.0.0.1 }",
      "  lyon: { stream: { address: 10.0.0.1, port: 9443 }",
    );
    expect(problems(same)).toEqual([
      "4:19 sites.lyon.stream is the same as that of the site paris: each site has a worker of its own",
    ]);
  });

  test("a host must be named where its site has several", () => {
    const two = changed(
      "  lyon:\n",
      '      kvm2: { kind: libvirt, address: 10.0.0.3, hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO17PxLt+DjAaSaZ2jmnQ71vys6uj8VGIgESr+2bFjUl" }\n  lyon:\n',
    );
    expect(problems(two)).toEqual([
      "50:5 items.db1.secondary.host is missing, and the site paris has several hosts: kvm1, kvm2",
    ]);
  });

  test("platforms beyond libvirt are known only where they are there", () => {
    const simulated = changed("kind: libvirt", "kind: simulated");
    expect(problems(simulated)).toEqual(['7:15 sites.paris.hosts.kvm1.kind is "simulated"; it must be libvirt']);
    expect(parseConfiguration(simulated, { file: "f", kinds: ["libvirt", "simulated"] }).sites).toBeDefined();
  });
});

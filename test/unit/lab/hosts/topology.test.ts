import { describe, expect, it } from "vitest";

import { planTopology } from "#lab/hosts/topology.ts";

const shape = { id: "demo", hosts: ["paris1", "lyon1", "paris2"], subnet: "10.78.0.0/24" };

describe("planTopology", () => {
  it("puts hosts whose names start alike at one site", () => {
    const { sites, hosts } = planTopology(shape);
    expect(sites.map(({ name }) => name)).toEqual(["paris", "lyon"]);
    expect(hosts.map(({ name, site }) => `${name}@${site}`)).toEqual(["paris1@paris", "lyon1@lyon", "paris2@paris"]);
  });

  it("gives this machine .1, hosts addresses from .11 on and workers from .21 on", () => {
    const { core, sites, hosts } = planTopology(shape);
    expect(core.address).toBe("10.78.0.1");
    expect(hosts.map(({ address }) => address)).toEqual(["10.78.0.11", "10.78.0.12", "10.78.0.13"]);
    expect(sites.map(({ address }) => address)).toEqual(["10.78.0.21", "10.78.0.22"]);
  });

  it("never makes an interface name that Linux refuses for its length, or the same one twice", () => {
    const hosts = Array.from({ length: 9 }, (_, index) => `s${"abcdefghi"[index] ?? ""}1`);
    const plan = planTopology({ id: "abcdef", hosts, subnet: "10.78.9.0/24" });
    const names = [
      plan.core.bridge,
      ...plan.hosts.map(({ port }) => port),
      ...plan.sites.flatMap(({ bridge, port, uplink }) => [bridge, port, uplink.core, uplink.site]),
    ];
    expect(names.filter((name) => name.length > 15)).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  it("names labs apart that differ only in their id", () => {
    const [one, other] = [planTopology(shape), planTopology({ ...shape, id: "test" })];
    expect(one.hosts.map(({ namespace }) => namespace)).not.toEqual(other.hosts.map(({ namespace }) => namespace));
  });

  it.each([
    [{ id: "Demo" }, 'The lab id "Demo" is not usable: it must be 1 to 6 of a–z and 0–9'],
    [{ id: "toolong" }, 'The lab id "toolong" is not usable'],
    [{ id: "a/../b" }, 'The lab id "a/../b" is not usable'],
    [{ subnet: "10.78.0.0/16" }, 'The lab subnet "10.78.0.0/16" is not usable: give an IPv4 /24'],
    [{ subnet: "10.780.0.0/24" }, 'The lab subnet "10.780.0.0/24" is not usable'],
    [{ hosts: [] }, "A lab has 1 to 9 hosts, and 0 were asked for."],
    [{ hosts: ["paris"] }, 'The host name "paris" is not usable'],
    [{ hosts: ["paris1", "paris1"] }, 'The host name "paris1" is given twice'],
  ])("refuses %j", (wrong, sentence) => {
    expect(() => planTopology({ ...shape, ...wrong })).toThrow(sentence);
  });
});

import { describe, expect, it } from "vitest";
import type { Configuration, Host } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { hostName, replicaId, siteName } from "#domain/ids.ts";
import type { Platform } from "#platforms/platform.ts";
import type { Replica } from "#transfer/replica.ts";
import { freshConfiguration } from "#workers/fresh-configuration.ts";
import { keepHosts } from "#workers/kept-hosts.ts";
import { replicaOpener } from "#workers/replica-opener.ts";
import { configuration as example } from "#test/unit/workflows/examples.ts";

const paris = siteName("paris");
const [p1, p2] = [hostName("p1"), hostName("p2")];
const template: Host = { name: p1, kind: "double", address: "a", port: 22, user: "root", hostKey: "k", store: "/s" };

/** A site with two hosts whose platforms write down what is done to them. */
function site(opens: (host: Host) => Partial<Platform> = () => ({})) {
  const log: string[] = [];
  let hosts: Record<string, Host> = { p1: template, p2: { ...template, name: p2 } };
  const kept = keepHosts({
    site: paris,
    configuration: async (): Promise<Configuration> => ({
      ...example,
      sites: { [paris]: { name: paris, stream: { address: "a", port: 1 }, hosts } },
    }),
    openPlatform: async (host) => {
      log.push(`open ${host.name} at ${host.address}`);
      const platform = {
        kind: "double",
        inventory: {} as Platform["inventory"],
        ...opens(host),
        [Symbol.asyncDispose]: async () => void log.push(`close ${host.name} at ${host.address}`),
      };
      return platform;
    },
    context: { onWarning: () => undefined },
  });
  return { kept, log, configure: (next: Record<string, Host>) => void (hosts = next) };
}

describe("the hosts that a worker keeps", () => {
  it("are opened when they are first needed, once, and closed with it", async () => {
    const { kept, log } = site();
    const [one, two] = await Promise.all([kept.open(p1), kept.open(p1)]);
    expect(one).toBe(two);
    await kept[Symbol.asyncDispose]();
    expect(log).toEqual(["open p1 at a", "close p1 at a"]);
  });

  it("are opened anew when their configuration has changed, and only then", async () => {
    const { kept, log, configure } = site();
    await kept.open(p1);
    configure({ p1: { ...template, address: "b" } });
    await kept.open(p1);
    await kept.open(p1);
    expect(log).toEqual(["open p1 at a", "open p1 at b", "close p1 at a"]);
  });

  it("are tried again after one could not be opened", async () => {
    let fails = true;
    const { kept } = site(() => {
      if (fails) throw new Fault("AUTHENTICATION_FAILED", "no");
      return {};
    });
    await expect(kept.open(p1)).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
    fails = false;
    await expect(kept.open(p1)).resolves.toMatchObject({ kind: "double" });
  });

  it("are named when there is none of a name", async () => {
    await expect(site().kept.open(hostName("p11"))).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/did you mean p1\?.*p1, p2/),
    });
  });
});

describe("the replica that a sender asks for", () => {
  const replica = { name: "the replica" } as unknown as Replica;
  const request = { replica: replicaId("r"), epoch: 1, peerSite: "lyon" };
  const { signal } = new AbortController();
  const target = (open: () => Promise<Replica>) => ({ target: { open } as unknown as NonNullable<Platform["target"]> });
  const notHere = () => Promise.reject(new Fault("REPLICA_NOT_FOUND", "not here"));

  it("is found on whichever host has it, and asked for there first the next time", async () => {
    const asked: string[] = [];
    const { kept } = site(({ name }) =>
      target(() => {
        asked.push(name);
        return name === p2 ? Promise.resolve(replica) : notHere();
      }),
    );
    const opener = replicaOpener(kept);
    expect(await opener.open(request, signal)).toBe(replica);
    expect(await opener.open(request, signal)).toBe(replica);
    expect(asked).toEqual(["p1", "p2", "p2"]);
  });

  it("is found although another host does not answer, whose fault is told when no other has it", async () => {
    const unreachable = () => Promise.reject(new Fault("HOST_UNREACHABLE", "p1 is gone"));
    const has = replicaOpener(
      site(({ name }) => target(() => (name === p1 ? unreachable() : Promise.resolve(replica)))).kept,
    );
    expect(await has.open(request, signal)).toBe(replica);
    const hasNot = replicaOpener(site(({ name }) => target(() => (name === p1 ? unreachable() : notHere()))).kept);
    await expect(hasNot.open(request, signal)).rejects.toMatchObject({ code: "HOST_UNREACHABLE" });
    const nowhere = replicaOpener(site(() => target(notHere)).kept);
    await expect(nowhere.open(request, signal)).rejects.toMatchObject({
      code: "REPLICA_NOT_FOUND",
      message: expect.stringContaining("p1, p2"),
    });
  });

  it("is refused as its host refuses it", async () => {
    const stale = () => Promise.reject(new Fault("STALE_EPOCH", "too old"));
    await expect(replicaOpener(site(() => target(stale)).kept).open(request, signal)).rejects.toMatchObject({
      code: "STALE_EPOCH",
    });
  });
});

describe("the configuration that a worker goes by", () => {
  it("is read again after ten seconds, and holds on while it cannot be read", async () => {
    let time = 0;
    let answer: () => Promise<Configuration> = async () => example;
    let reads = 0;
    const fresh = freshConfiguration(
      () => {
        reads += 1;
        return answer();
      },
      () => time,
    );
    await fresh();
    time = 9_000;
    await fresh();
    expect(reads).toBe(1);
    answer = () => Promise.reject(new Error("Temporal is away"));
    time = 11_000;
    expect(await fresh()).toBe(example);
    expect(reads).toBe(2);
    const never = freshConfiguration(answer);
    await expect(never()).rejects.toThrow("Temporal is away");
  });
});

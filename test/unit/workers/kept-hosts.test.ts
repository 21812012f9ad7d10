import { describe, expect, it, vi } from "vitest";
import type { Configuration, Host } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { hostName, replicaId, siteName } from "#domain/ids.ts";
import type { Platform } from "#platforms/platform.ts";
import type { Replica } from "#transfer/replica.ts";
import { keepHosts } from "#workers/kept-hosts.ts";
import { replicaOpener } from "#workers/replica-opener.ts";
import { whileSame } from "#workers/same-settings.ts";
import { watchConfiguration } from "#workers/watched-configuration.ts";
import { configuration as example } from "#test/unit/workflows/examples.ts";

const paris = siteName("paris");
const [p1, p2] = [hostName("p1"), hostName("p2")];
const template: Host = { name: p1, kind: "double", address: "a", port: 22, user: "root", hostKey: "k", store: "/s" };

/** A site with two hosts whose platforms write down what is done to them. */
function site(opens: (host: Host) => Partial<Platform> = () => ({})) {
  const log: string[] = [];
  let hosts: Record<string, Host> = { p1: template, p2: { ...template, name: p2 } };
  let applied = hosts;
  const kept = keepHosts({
    site: paris,
    configuration: {
      get current(): Configuration {
        return { ...example, sites: { [paris]: { name: paris, stream: { address: "a", port: 1 }, hosts } } };
      },
      refresh: async () => void (hosts = applied),
    },
    closeAfterMs: 1,
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
  return {
    kept,
    log,
    configure: (next: Record<string, Host>) => void (hosts = applied = next),
    apply: (next: Record<string, Host>) => void (applied = next),
  };
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
    expect(log).toEqual(["open p1 at a", "open p1 at b"]);
    await expect.poll(() => log).toEqual(["open p1 at a", "open p1 at b", "close p1 at a"]);
  });

  it("tell who holds them when their settings have changed, and nobody else, and are closed behind them", async () => {
    const { kept, log, configure } = site();
    const [first, second] = [await kept.hold(p1), await kept.hold(p2)];
    kept.heed();
    expect(first.superseded.aborted).toBe(false);
    configure({ p1: { ...template, hostKey: "another" }, p2: { ...template, name: p2 } });
    kept.heed();
    expect([first.superseded.aborted, second.superseded.aborted]).toEqual([true, false]);
    expect(log).toEqual(["open p1 at a", "open p2 at a"]);
    await expect.poll(() => log).toContain("close p1 at a");
    expect((await kept.hold(p1)).superseded.aborted).toBe(false);
    await kept[Symbol.asyncDispose]();
    expect(log.toSorted()).toEqual([
      "close p1 at a",
      "close p1 at a",
      "close p2 at a",
      "open p1 at a",
      "open p1 at a",
      "open p2 at a",
    ]);
  });

  it("are looked for in the configuration of this moment when there is none of a name", async () => {
    const { kept, apply } = site();
    apply({ p3: { ...template, name: hostName("p3") } });
    await expect(kept.open(hostName("p3"))).resolves.toMatchObject({ kind: "double" });
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
  const replica = { state: async () => "of the replica" } as unknown as Replica;
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
    for (const _ of [1, 2]) await opener.open(request, signal);
    expect(asked).toEqual(["p1", "p2", "p2"]);
  });

  it("is found although another host does not answer, whose fault is told when no other has it", async () => {
    const unreachable = () => Promise.reject(new Fault("HOST_UNREACHABLE", "p1 is gone"));
    const has = replicaOpener(
      site(({ name }) => target(() => (name === p1 ? unreachable() : Promise.resolve(replica)))).kept,
    );
    expect(await (await has.open(request, signal)).state(signal)).toBe("of the replica");
    const hasNot = replicaOpener(site(({ name }) => target(() => (name === p1 ? unreachable() : notHere()))).kept);
    await expect(hasNot.open(request, signal)).rejects.toMatchObject({ code: "HOST_UNREACHABLE" });
    const nowhere = replicaOpener(site(() => target(notHere)).kept);
    await expect(nowhere.open(request, signal)).rejects.toMatchObject({
      code: "REPLICA_NOT_FOUND",
      message: expect.stringContaining("p1, p2"),
    });
  });

  it("takes nothing more when its host's settings have changed: its sender connects again", async () => {
    const state = vi.fn<Replica["state"]>();
    const { kept, configure } = site(() => target(() => Promise.resolve({ ...replica, state })));
    const opened = await replicaOpener(kept).open(request, signal);
    await opened.state(signal);
    configure({ p1: { ...template, address: "b" } });
    kept.heed();
    await expect(opened.state(signal)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(state).toHaveBeenCalledTimes(1);
  });

  it("is refused as its host refuses it", async () => {
    const stale = () => Promise.reject(new Fault("STALE_EPOCH", "too old"));
    await expect(replicaOpener(site(() => target(stale)).kept).open(request, signal)).rejects.toMatchObject({
      code: "STALE_EPOCH",
    });
  });
});

describe("what goes on for long at a host", () => {
  const held = () => {
    const settings = new AbortController();
    return { settings, host: { name: p1, superseded: settings.signal } };
  };
  const untilEnded = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(new Fault("CANCELLED", "ended")));
    });
  const never = new AbortController().signal;

  it("ends with what it has when the host's settings change, or is begun anew by Temporal", async () => {
    const { settings, host } = held();
    const cleanly = whileSame(host, never, (signal) => untilEnded(signal).catch(() => "its report"));
    const not = whileSame(host, never, untilEnded);
    settings.abort();
    expect(await cleanly).toBe("its report");
    await expect(not).rejects.toMatchObject({ type: "HostChanged", nonRetryable: false });
  });

  it("is cancelled as before, and fails as before", async () => {
    const order = new AbortController();
    const cancelled = whileSame(held().host, order.signal, untilEnded);
    order.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
    const failing = whileSame(held().host, never, () => Promise.reject(new Fault("STORE_FULL", "full")));
    await expect(failing).rejects.toMatchObject({ code: "STORE_FULL" });
  });
});

describe("the configuration that a worker goes by", () => {
  const changed: Configuration = { ...example, networkMappings: [] };

  it("is read again and again; who listens hears of a change, and of nothing else", async () => {
    let answer: () => Promise<Configuration> = async () => structuredClone(example);
    let reads = 0;
    const read = () => {
      reads += 1;
      return answer();
    };
    await using watched = await watchConfiguration({ read, everyMs: 1 });
    const heard = vi.fn<() => void>();
    watched.onChanged(heard);
    await expect.poll(() => reads).toBeGreaterThan(3);
    expect(heard).not.toHaveBeenCalled();
    answer = async () => changed;
    await expect.poll(() => watched.current).toEqual(changed);
    expect(heard).toHaveBeenCalledTimes(1);
  });

  it("holds on while it cannot be read, and must be there to begin with", async () => {
    let answer: () => Promise<Configuration> = async () => example;
    await using watched = await watchConfiguration({ read: () => answer(), everyMs: 60_000 });
    answer = () => Promise.reject(new Error("Temporal is away"));
    await watched.refresh();
    expect(watched.current).toBe(example);
    answer = async () => changed;
    await watched.refresh();
    expect(watched.current).toBe(changed);
    await expect(watchConfiguration({ read: () => Promise.reject(new Error("away")) })).rejects.toThrow("away");
  });
});

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { machineId, replicaId } from "#domain/ids.ts";
import { localHost } from "#platforms/libvirt/offline/local-host.ts";
import { openStore, type StoreHost } from "#platforms/libvirt/target/host-store.ts";
import { parseReplica, serializeReplica } from "#platforms/libvirt/target/stored-replica.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";
import { storedReplica } from "#test/support/stored-replica.ts";

const replica = replicaId("app1");
const initial = storedReplica({ revision: 5 });

/** A host that keeps one `replica.json`, compares revisions as the script does, and lets another writer in before the n-th write. */
const scriptedHost = (options: { readonly othersBefore?: readonly number[] } = {}) => {
  let state = initial;
  let writes = 0;
  const host: StoreHost = {
    name: "lyon1",
    openUnix: () => Promise.reject(new Error("not used")),
    run: (_script, args, { stdin }) => {
      if (args.length === 1) return Promise.resolve({ stdout: serializeReplica(state), stderr: "" });
      writes += 1;
      if (options.othersBefore?.includes(writes) === true)
        state = { ...state, revision: state.revision + 1, epoch: state.epoch + 1 };
      if (args[1] !== String(state.revision))
        return Promise.reject(new Fault("COMMAND_FAILED", "conflict", { details: { exitCode: 75 } }));
      const written = (stdin ?? "").slice(0, Number(args[2]));
      state = parseReplica(Buffer.from(written, "base64").toString(), "written");
      return Promise.resolve({ stdout: "", stderr: "" });
    },
  };
  return { host, state: () => state, writes: () => writes };
};
const options = { purpose: "test", signal: new AbortController().signal };

describe("a replica's state on its host", () => {
  it("is changed again on the newest state when somebody else was quicker", async () => {
    const { host, state } = scriptedHost({ othersBefore: [1, 2] });
    const store = openStore({ host, store: "/store", replica });
    await store.change((current) => ({ state: { ...current, nextLayer: current.nextLayer + 1 } }), options);
    expect(state()).toMatchObject({ revision: 8, nextLayer: 1, epoch: 3 });
  });

  it("is read again before a refusal that rests on what was remembered", async () => {
    const { host } = scriptedHost({ othersBefore: [2] });
    const store = openStore({ host, store: "/store", replica });
    await store.change((current) => ({ state: current }), options);
    const epochs: number[] = [];
    await store.change((current) => {
      epochs.push(current.epoch);
      if (current.epoch === 1) return { state: current };
      return undefined;
    }, options);
    expect(epochs).toEqual([1, 2]);
  });

  it("takes a folder away that a change leaves empty, and no other", async () => {
    using dir = memoryDir();
    const store = openStore({ host: localHost(), store: dir.path, replica });
    const { activations } = store.layout;
    await mkdir(`${store.layout.root}/points`, { recursive: true });
    await writeFile(store.layout.state, serializeReplica(initial));
    await mkdir(`${activations}/fo1`, { recursive: true });
    await mkdir(`${activations}/fo2`);
    for (const [failover, left] of [
      ["fo1", ["app1"]],
      ["fo2", []],
    ] as const) {
      const operations = [
        { kind: "tidy", path: activations },
        { kind: "remove", path: `${activations}/${failover}` },
      ] as const;
      await store.change((state) => ({ state, operations }), options);
      expect(await readdir(`${dir.path}/machines`)).toEqual(left);
    }
  });

  it("may be as large as many disks with all their layers make it, and goes with what else is written", async () => {
    using dir = memoryDir();
    const store = openStore({ host: localHost(), store: dir.path, replica });
    const disk = { sizeBytes: 1024 ** 4, backing: 46, digests: "delta" } as const;
    const disks = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`vd${index}`, disk]));
    const layers = Array.from({ length: 48 }, (_, layer) => ({ layer, point: true, kept: true, disks }));
    const file = (name: string, text: string) =>
      ({ kind: "write", path: `${store.layout.root}/${name}`, bytes: Buffer.from(text) }) as const;
    const operations = [file("one", "1: ü"), file("two", "22")];
    await store.create({ state: { ...initial, layers: layers.slice(1) }, operations }, options);
    await store.change((state) => ({ state: { ...state, layers } }), options);
    expect(serializeReplica(initial).length).toBeLessThan(1_000);
    expect((await readFile(store.layout.state)).length).toBeGreaterThan(131_072);
    expect((await store.read(options.signal)).layers).toEqual(layers);
    expect(await readFile(`${store.layout.root}/one`, "utf8")).toBe("1: ü");
    expect(await readFile(`${store.layout.root}/two`, "utf8")).toBe("22");
    expect((await readdir(store.layout.root)).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  it("pins the layers of machines and of readers that are alive", async () => {
    const { host, state } = scriptedHost();
    const store = openStore({ host, store: "/store", replica });
    const reader = (id: string, layer: number, until: string) => ({ id, layer, until: until as never });
    await store.change(
      (current) => ({
        state: {
          ...current,
          readers: [reader("dead", 9, "2020-01-01T00:00:00.000Z"), reader("alive", 4, "2999-01-01T00:00:00.000Z")],
        },
      }),
      options,
    );
    expect([state().pinnedUpTo, state().readers?.map(({ id }) => id)]).toEqual([4, ["alive"]]);
  });

  it("keeps revision and pins on lines that no value can pose as", () => {
    const text = serializeReplica({ ...initial, machine: { id: machineId("m"), name: '\n  "revision": 99,\n' } });
    expect(text.match(/^ {2}"revision": \d+,$/gm)).toEqual(['  "revision": 5,']);
  });

  it("of a newer format is refused", () => {
    expect(() => parseReplica('{"format": 2}', "replica.json")).toThrow(
      "replica.json has format 2, and this version of understudy reads format 1: use the version that wrote it.",
    );
    expect(() => parseReplica("{", "replica.json")).toThrow("replica.json is not valid JSON");
  });
});

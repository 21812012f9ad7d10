import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "./run-in-double.ts";
import { makeReplica, makeStore } from "./store-on-disk.ts";
import { newestFirst, offlineReplicas } from "#cli/offline-replicas.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

let store: string;
beforeAll(async () => {
  store = await mkdtemp(join(tmpdir(), "understudy-store-"));
  await makeStore(store);
});
afterAll(async () => {
  await rm(store, { recursive: true });
});
/** Nobody else is left: whoever asks the client fails. */
const alone = {
  faults: { items: new Fault("TEMPORAL_UNREACHABLE", "gone"), start: new Fault("TEMPORAL_UNREACHABLE", "gone") },
};

describe("with nothing left but the store", () => {
  test("its points are listed", async () => {
    const { code, out, asked } = await run(`points --store ${store}`, alone);
    expect(out).toBe(
      [
        "Replica app1@lyon: machine app1 from the site paris, epoch 1",
        "POINT  TAKEN AT                  AGE          CONSISTENCY       KIND  DELTA   EPOCH",
        "c2     2026-11-20T11:59:00.000Z  1 min 10 s   crash-consistent  kept  64 KiB  1",
        "c1     2026-11-20T11:50:00.000Z  10 min 10 s  crash-consistent  kept  64 KiB  1",
        "",
      ].join("\n"),
    );
    expect(code).toBe(0);
    expect(asked.closed).toBe(0);
  });

  test("they are listed as JSON with the images they boot from", async () => {
    expect(JSON.parse((await run(`points app1 --store ${store} --json`)).out)).toMatchObject([
      {
        replica: "app1@lyon",
        points: [
          { id: "c2", images: [{ disk: "vda", file: expect.stringMatching(/\/L000001\.qcow2$/u) as string }] },
          { id: "c1" },
        ],
      },
    ]);
  });

  test("the commands that boot one by hand are printed", async () => {
    const { out } = await run(`points --store ${store} --boot c1 --folder /var/tmp/boot`);
    expect(out).toContain("qemu-img create -f qcow2 -b ");
    expect(out).toContain("/var/tmp/boot/vda.qcow2");
    expect(out).toContain("virsh start app1");
  });

  test("what is damaged hides nothing of what is not", async () => {
    using dir = memoryDir();
    await makeStore(dir.path);
    for (const replica of ["damaged", "lost", "half-made"])
      await makeReplica(dir.path, { replica, epoch: 1, points: { [replica]: 5 } });
    const folder = `${dir.path}/replicas`;
    await writeFile(`${folder}/damaged/replica.json`, '{"format":1,');
    await rm(`${folder}/lost/replica.json`);
    await rm(`${folder}/half-made/replica.json`);
    await rm(`${folder}/half-made/points/half-made.json`);
    await rm(`${folder}/app1%40lyon/points/c1.json`);
    const { code, out, err } = await run(`points --store ${dir.path}`, alone);
    expect(out).toMatch(/^Replica app1@lyon: .*\nPOINT .*\nc2 .*\n$/u);
    expect(code).toBe(exitCodes.integrity);
    expect(err).toContain("what is listed is not affected");
    expect(err).toContain("damaged/replica.json on host");
    expect(err).toContain("lost has manifests of recovery points but no replica.json");
    expect(err).toContain("The manifest of recovery point c1 is gone");
    expect(err).not.toContain("half-made");
    const boot = await run(`points --store ${dir.path} --boot c2`, alone);
    expect(boot).toMatchObject({ code: 0, err: "" });
    const gone = await run(`points --store ${dir.path} --boot c1`, alone);
    expect(gone.err).toContain("There are: c2. Not everything could be read:");
    expect((await run(`verify app9 --store ${dir.path}`, alone)).err).toContain("damaged/replica.json on host");
  });

  test("the newest point of an item is its newest owner's, in whichever replica", async () => {
    using dir = memoryDir();
    await makeReplica(dir.path, { replica: "a", epoch: 1, points: { old: 900, ahead: 1 } });
    await makeReplica(dir.path, { replica: "b", epoch: 3, points: { c1: 600, c2: 60 } });
    await makeReplica(dir.path, { replica: "c", epoch: 3, points: { c3: 30 } });
    const { replicas } = await offlineReplicas(dir.path, { item: "app1", signal: new AbortController().signal });
    expect(newestFirst(replicas).map(({ replica, id }) => `${replica}/${id}`)).toEqual([
      "c/c3",
      "b/c2",
      "b/c1",
      "a/ahead",
      "a/old",
    ]);
  });

  test.each([
    ["points app2 --store STORE", 3, "has no replica of app2 (did you mean app1?); it has: app1."],
    ["points --store STORE --boot c9", 3, "There is no recovery point c9 in the store. There are: c2, c1."],
    ["points --store /nowhere", 2, "/nowhere is no replica store"],
    ["points app1 --boot c1", 2, "--boot and --folder go with --store"],
    ["points", 2, "Name the item whose points to show, or the store to read with --store."],
    ["verify app2 --store STORE", 3, "has no replica of app2 (did you mean app1?); it has: app1."],
    ["verify app1 --store STORE --point c9", 3, "has no recovery point c9 of app1. There are: c2, c1."],
  ])("understudy %s exits %i", async (line, code, message) => {
    const ran = await run(line.replace("STORE", store));
    expect(ran.err).toContain(message);
    expect(ran).toMatchObject({ code, out: "" });
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CutDescription } from "#domain/cut.ts";
import { operation } from "#test/support/operation.ts";
import {
  compareImage,
  createModel,
  imageOf,
  mebibyte,
  replica,
  replicateDelta,
  spec,
  startTargetHost,
  targetOn,
  type TargetHost,
} from "./libvirt-target-fixture.ts";
import { labId } from "./lab-id.ts";

const never = new AbortController().signal;
let target: TargetHost;
beforeAll(async () => {
  target = await startTargetHost(labId("tgp"));
});
afterAll(async () => {
  await target?.[Symbol.asyncDispose]();
});

describe("recovery points of a replica on a libvirt host", () => {
  it("are byte for byte the machine at their cut, whatever was kept, merged and thinned", async () => {
    const sizes = { vda: 64 * mebibyte, vdb: 8 * mebibyte + 512 };
    const model = createModel(sizes, 1);
    const warnings: unknown[] = [];
    const recovery = targetOn(target.connection, target.host, warnings);
    await recovery.createReplica(spec({ sizes }), operation());
    await using receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    const expected = new Map<string, ReadonlyMap<string, Buffer>>();
    const cuts: CutDescription[] = [];
    let base: CutDescription | undefined;
    for (let round = 0; round < 12; round += 1) {
      model.write(round === 0 ? 300 : 12);
      const started = performance.now();
      base = await replicateDelta(receiving, model, { keep: round % 4 === 0, ...(base !== undefined && { base }) });
      if (process.env["TIMES"])
        process.stderr.write(`delta ${round}: ${(performance.now() - started).toFixed(0)} ms\n`);
      expected.set(base.id, model.snapshot());
      cuts.push(base);
    }
    const points = await recovery.points(replica, operation());
    expect(points.map(({ id, kept }) => [id, kept])).toEqual([
      ["cut-1", true],
      ["cut-5", true],
      ["cut-9", true],
      ["cut-12", false],
    ]);
    for (const point of points) {
      for (const disk of Object.keys(sizes)) {
        const image = await imageOf(target.connection, target.host, point, disk);
        const content = expected.get(point.id)?.get(disk) ?? Buffer.alloc(0);
        expect.soft(await compareImage(target.host, image, content), `${point.id} ${disk}`).toBe("identical");
      }
    }
    expect(warnings).toEqual([]);
  });
});

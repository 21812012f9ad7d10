import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CutDescription } from "#domain/cut.ts";
import { isFault } from "#domain/fault.ts";
import { diskId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import type { RecoveryTarget } from "#platforms/platform.ts";
import type { Replica } from "#transfer/replica.ts";
import { operation } from "#test/support/operation.ts";
import {
  compareImage,
  createModel,
  imageOf,
  mebibyte,
  replica,
  sendDifferences,
  spec,
  startTargetHost,
  targetOn,
  type Model,
  type TargetHost,
} from "./libvirt-target-fixture.ts";
import { labId } from "./lab-id.ts";

const never = new AbortController().signal;
const sizes = { vda: 4 * mebibyte };
let target: TargetHost;
beforeAll(async () => {
  target = await startTargetHost(labId("tgc"));
});
beforeEach(async () => {
  await targetOn(target.connection, target.host).deleteReplica(replica, operation());
});
afterAll(async () => {
  await target?.[Symbol.asyncDispose]();
});

/** The host's scripts die by SIGKILL before their n-th command that touches the disk, when the purpose matches. */
const dyingConnection = (connection: HostConnection) => {
  let armed: { readonly purpose: RegExp; readonly at: number } | undefined;
  let died = false;
  const prelude = (at: number): string =>
    `count=0
die() { count=$((count + 1)); if [ $count -eq ${at} ]; then kill -9 $$; fi; }
${["mv", "sync", "rm", "mkdir", "cat", "touch", "truncate", "head", "flock"].map((name) => `${name}() { die; command ${name} "$@"; }`).join("\n")}
`;
  const dying: HostConnection = {
    ...connection,
    name: connection.name,
    async run(script, args, options) {
      const dies = armed !== undefined && armed.purpose.test(options.purpose);
      try {
        return await connection.run(dies ? prelude(armed?.at ?? 0) + script : script, args, options);
      } catch (error) {
        if (dies && isFault(error) && error.details["exitCode"] === 137) died = true;
        throw error;
      }
    },
  };
  return {
    connection: dying,
    /** Answers whether the work ran into its death. */
    async during(purpose: RegExp, at: number, work: () => Promise<unknown>): Promise<boolean> {
      armed = { purpose, at };
      died = false;
      try {
        await work();
      } catch (error) {
        if (!died) throw error;
      } finally {
        armed = undefined;
      }
      return died;
    },
  };
};

/** The contents at that cut and at all later ones. */
const since = (
  known: ReadonlyMap<string, ReadonlyMap<string, Buffer>>,
  cut: string | undefined,
): readonly ReadonlyMap<string, Buffer>[] =>
  cut === undefined ? [] : [...known].slice([...known.keys()].indexOf(cut)).map(([, content]) => content);

/** A sender as it should be: asks what is there, sends what differs, seals. */
const cycle = async (
  recovery: RecoveryTarget,
  model: Model,
  known: Map<string, ReadonlyMap<string, Buffer>>,
  cut: CutDescription,
  options: { readonly keep: boolean; readonly before?: (receiving: Replica) => Promise<void> },
): Promise<void> => {
  const receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
  try {
    const state = await receiving.state(never);
    if (state.lastCut === cut.id) return;
    await receiving.begin(
      {
        cut,
        mode: state.lastCut === undefined ? "full" : "delta",
        ...(state.lastCut !== undefined && { base: state.lastCut }),
      },
      never,
    );
    await sendDifferences(receiving, model, cut, since(known, state.lastCut));
    await receiving.checkpoint(diskId("vda"), sizes.vda / 2, never);
    await options.before?.(receiving);
    await receiving.seal({ cut, keep: options.keep, retentionSeconds: 86_400 }, never);
  } finally {
    // Waits for the merge, which is what dies in some of these.
    await receiving[Symbol.asyncDispose]();
  }
};

const expectPointsWhole = async (
  recovery: RecoveryTarget,
  known: ReadonlyMap<string, ReadonlyMap<string, Buffer>>,
  what: string,
): Promise<void> => {
  for (const point of await recovery.points(replica, operation())) {
    const image = await imageOf(target.connection, target.host, point, "vda");
    expect(
      await compareImage(target.host, image, known.get(point.id)?.get("vda") ?? Buffer.alloc(0)),
      `${what}: ${point.id}`,
    ).toBe("identical");
  }
};

describe("a replica whose worker or host dies", () => {
  it("has every point whole, and goes on, wherever a step was killed", { timeout: 400_000 }, async () => {
    const model = createModel(sizes, 3);
    const known = new Map<string, ReadonlyMap<string, Buffer>>();
    const faulty = dyingConnection(target.connection);
    const recovery = targetOn(faulty.connection, target.host);
    await recovery.createReplica(spec({ sizes }), operation());
    const next = (): CutDescription => {
      model.write(8);
      const cut = model.cut();
      known.set(cut.id, model.snapshot());
      return cut;
    };
    await cycle(recovery, model, known, next(), { keep: true });
    await cycle(recovery, model, known, next(), { keep: false });
    const steps: Record<string, number> = {};
    for (const [step, purpose] of Object.entries({
      open: /^open/,
      begin: /begin a delta/,
      checkpoint: /^checkpoint/,
      seal: /^seal/,
      merge: /^merge layer/,
      "record the merge": /^record the merge/,
    })) {
      for (let at = 1; ; at += 1) {
        const cut = next();
        const died = await faulty.during(purpose, at, () => cycle(recovery, model, known, cut, { keep: at === 3 }));
        await expectPointsWhole(recovery, known, `${step} killed before command ${at}`);
        const later = next();
        await cycle(recovery, model, known, later, { keep: false });
        await expectPointsWhole(recovery, known, `after ${step} killed before command ${at}`);
        expect((await recovery.points(replica, operation())).at(-1)?.id).toBe(later.id);
        steps[step] = at;
        if (!died && !(step.includes("merge") && at < 12)) break;
      }
    }
    expect(Math.min(...Object.values(steps))).toBeGreaterThan(3);
    if (process.env["TIMES"] !== undefined) process.stderr.write(`${JSON.stringify(steps)}\n`);
    const newest = (await recovery.points(replica, operation())).at(-1);
    expect(await recovery.verify({ replica, point: newest?.id ?? next().id }, operation())).toMatchObject({
      mismatched: 0,
      blocks: 64,
    });
  });

  it("asks the sender to begin again when a storage daemon dies, and seals nothing meanwhile", async () => {
    const model = createModel(sizes, 4);
    const known = new Map<string, ReadonlyMap<string, Buffer>>();
    const recovery = targetOn(target.connection, target.host);
    await recovery.createReplica(spec({ sizes }), operation());
    model.write(30);
    const cut = model.cut();
    known.set(cut.id, model.snapshot());
    let lost: unknown;
    await expect(
      cycle(recovery, model, known, cut, {
        keep: true,
        before: async (receiving) => {
          await using sink = await receiving.sink(diskId("vda"), never);
          await sink.write(0, model.content("vda").subarray(0, 65_536), never);
          await target.host.run("kill -9 $(cat /run/understudy/*/vda.pid)");
          await receiving.seal({ cut, keep: true, retentionSeconds: 1 }, never).catch((error: unknown) => {
            lost = error;
          });
        },
      }),
    ).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(lost).toMatchObject({ code: "CONNECTION_LOST" });
    expect(await recovery.points(replica, operation())).toEqual([]);
    const receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    expect((await receiving.begin({ cut, mode: "full" }, never)).resumeOffsets).toEqual({ vda: sizes.vda / 2 });
    await receiving[Symbol.asyncDispose]();
    await cycle(recovery, model, known, cut, { keep: true });
    await expectPointsWhole(recovery, known, "after the daemon's death");
  });

  it("is taken up where the last checkpoint was after the host crashed, under a later cut", async () => {
    const model = createModel(sizes, 5);
    const known = new Map<string, ReadonlyMap<string, Buffer>>();
    const recovery = targetOn(target.connection, target.host);
    await recovery.createReplica(spec({ sizes }), operation());
    model.write(40);
    const first = model.cut();
    known.set(first.id, model.snapshot());
    await cycle(recovery, model, known, first, { keep: true });
    model.write(10);
    const second = model.cut();
    known.set(second.id, model.snapshot());
    await expect(
      cycle(recovery, model, known, second, {
        keep: true,
        before: async () => {
          await target.host.crash();
        },
      }),
    ).rejects.toMatchObject({ name: "Fault" });
    await target.host.start();
    model.write(10);
    const third = model.cut();
    known.set(third.id, model.snapshot());
    const receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    expect(await receiving.begin({ cut: third, mode: "delta", base: first.id }, never)).toEqual({
      cut: second.id,
      mode: "delta",
      base: first.id,
      resumeOffsets: { vda: sizes.vda / 2 },
    });
    await sendDifferences(receiving, model, third, since(known, first.id));
    await receiving.seal({ cut: third, keep: false, retentionSeconds: 86_400 }, never);
    await receiving[Symbol.asyncDispose]();
    await expectPointsWhole(recovery, known, "after the host's crash");
  });
});

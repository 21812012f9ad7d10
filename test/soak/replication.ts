import { parseArgs } from "node:util";
import type { ReplicateRequest } from "#activities/replication/request.ts";
import { isFault } from "#domain/fault.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import type { FaultRule } from "#lab/simulated/faults.ts";
import { bootHost, crashHost } from "#lab/simulated/machines.ts";
import { protectedItem } from "#test/support/replication.ts";
import { block, pattern, vda, vdb, write } from "#test/support/simulated-machine.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";

/**
 * `node test/soak/replication.ts [--seconds 60] [--seed 1]`: replicates under random faults, lost answers, overrun cuts and host crashes, and compares each sealed
 * point with what the source was at its cut. Prints the seed of each round; a failing round can be repeated alone with it.
 */
const { values } = parseArgs({ options: { seconds: { type: "string" }, seed: { type: "string" } } });
const until = Date.now() + 1000 * Number(values.seconds ?? "60");
const only = values.seed === undefined ? undefined : Number(values.seed);

type Random = (below: number) => number;
/** mulberry32: the same numbers for the same seed. */
function random(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const pick = <Value>(next: Random, values: readonly [Value, ...Value[]]): Value =>
  values[next(values.length)] ?? values[0];
const sourceCalls = ["source.cut", "source.openDisk", "source.read", "source.release", "source.standingCut"] as const;
const targetCalls = [
  "target.open",
  "replica.state",
  "replica.begin",
  "replica.sink",
  "replica.write",
  "replica.checkpoint",
  "replica.seal",
  "replica.discardIncoming",
] as const;
const faults: readonly [FaultCode, ...FaultCode[]] = ["HOST_UNREACHABLE", "STORE_FULL", "CUT_BROKEN", "COMMAND_FAILED"];

async function round(seed: number): Promise<string> {
  const next = random(seed);
  using dir = temporaryDir();
  await using item = await protectedItem({ dir: dir.path, blocks: [48, 16] });
  const scribble = (): void => {
    for (let count = next(6); count > 0; count--)
      write(
        item.east.store,
        pick(next, [vda, vdb]),
        next(16) * block + next(4) * 4096,
        pattern(`${seed} ${next(1e9)}`, 4096),
      );
  };
  for (let at = 0; at < 40; at++) write(item.east.store, vda, at * block, pattern(`${seed} ${at}`));
  const rule = (calls: readonly [string, ...string[]]): FaultRule => ({
    on: pick(next, calls),
    nth: 1 + next(12),
    ...(next(3) === 0 && { when: "after" as const }),
    ...(next(4) === 0 ? { run: scribble } : { fault: pick(next, faults) }),
  });
  let mode: ReplicateRequest["mode"] = "seed";
  let failures = 0;
  const attempts = 12 + next(12);
  for (let attempt = 0; attempt < attempts; attempt++) {
    scribble();
    if (next(10) === 0) crashHost(item.east.store);
    bootHost(item.east.store);
    const calm = attempt === attempts - 1 || next(4) === 0;
    const rules = calm ? {} : { source: [rule(sourceCalls), rule(sourceCalls)], target: [rule(targetCalls)] };
    try {
      await item.replicate(mode, { ...rules, policy: { scratchPercent: pick(next, [10, 50, 100]) } });
      mode = "run";
      if (calm) await compare(item, seed);
    } catch (error) {
      if (!isFault(error)) throw error;
      failures += 1;
      if (error.code === "RESYNC_REQUIRED") mode = "resynchronize";
      if (calm && error.code !== "RESYNC_REQUIRED") throw error;
    }
  }
  await item.replicate(mode).catch(() => item.replicate("resynchronize"));
  await compare(item, seed);
  return `${attempts} attempts, ${failures} failed, ${(await item.points()).length} points`;
}

/** No rule writes in a calm attempt: the newest point is the source as it is. */
async function compare(item: Awaited<ReturnType<typeof protectedItem>>, seed: number): Promise<void> {
  const { bytes } = await item.examine(await item.newest());
  if (!bytes.equals(item.sourceBytes())) throw new Error(`Seed ${seed}: the newest point is not what the source was.`);
}

let rounds = 0;
for (let seed = only ?? Date.now() % 1_000_000; Date.now() < until; seed++) {
  const outcome = await round(seed).catch((error: unknown) => {
    throw new Error(`Seed ${seed} failed; again with: node test/soak/replication.ts --seed ${seed}`, { cause: error });
  });
  rounds += 1;
  process.stdout.write(`seed ${seed}: ${outcome}\n`);
  if (only !== undefined) break;
}
process.stdout.write(`${rounds} rounds, all points as the source was\n`);

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { crashHost } from "#lab/simulated/machines.ts";
import type { Acknowledged } from "#lab/simulated/run-guests.ts";
import { runGuests } from "#lab/simulated/run-guests.ts";
import { protectedItem } from "#test/support/replication.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

const sender = fileURLToPath(new URL("../support/simulated-sender.ts", import.meta.url));

/** Starts a worker process, and kills it some time after it said that word. */
async function killedSender(
  dir: string,
  strike: { readonly mode: string; readonly after: string; readonly ms: number },
): Promise<void> {
  const child = spawn(process.execPath, [sender, dir, strike.mode], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== strike.after) continue;
    setTimeout(() => child.kill("SIGKILL"), strike.ms);
    break;
  }
  await ended;
}

test("Workers killed at any moment lose nothing and mix nothing, while the machine goes on in another process", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path, guest: { writesPerSecond: 300 }, blocks: [64, 32] });
  const acknowledged: Acknowledged[] = [];
  {
    await using _guests = runGuests({ dir: item.east.store.dir, onAcknowledged: (ack) => acknowledged.push(ack) });
    for (const ms of [10, 40]) await killedSender(dir.path, { mode: "seed", after: "begun", ms });
    await item.replicate("seed");
    for (const ms of [3, 15, 40]) {
      await killedSender(dir.path, { mode: "run", after: "sealed", ms });
      for (const point of await item.points()) expect((await item.examine(point)).problems).toEqual([]);
    }
    await item.replicate("run");
  }
  const cutAtMs = Date.parse((await item.newest()).takenAt);
  crashHost(item.east.store);
  const { head, problems } = await item.examine(await item.newest());
  expect(problems).toEqual([]);
  // Everything that was acknowledged before the instant is there: measured from outside, as a failover's loss is.
  const before = acknowledged.filter(({ atMs }) => atMs < cutAtMs).at(-1);
  expect(head).toBeGreaterThanOrEqual(before?.record ?? 1);
  expect(acknowledged.length).toBeGreaterThan(100);
});

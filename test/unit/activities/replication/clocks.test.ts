import { expect, test } from "vitest";
import { protectedItem, steppedClock } from "#test/support/replication.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

test("The policy's interval holds from one run to the next, however long it is", async () => {
  using dir = memoryDir();
  const clock = steppedClock();
  await using item = await protectedItem({ dir: dir.path, clock });
  await item.replicate("seed");
  const began = clock.now();
  let cycles = 0;
  for (let run = 0; run < 12; run++)
    cycles += (await item.replicate("run", { policy: { intervalSeconds: 600 }, returnAfterSeconds: 300 })).cycles;
  const hours = (clock.now() - began) / 3_600_000;
  expect(cycles).toBe(12);
  expect(hours).toBeCloseTo(2, 1);
  // Asked for one cycle, as after trouble, it says at once how that went.
  const before = clock.now();
  await item.replicate("run", { policy: { intervalSeconds: 600 }, returnAfterSeconds: 0 });
  expect(clock.now() - before).toBeLessThan(1_000);
});

test.each([3_600, -3_600])(
  "A worker whose clock is %i s from its host's freezes a guest as often as the policy says",
  async (skewSeconds) => {
    using dir = memoryDir();
    const clock = steppedClock();
    const hostClock = { ...clock, now: () => clock.now() - skewSeconds * 1_000 };
    await using item = await protectedItem({ dir: dir.path, clock, hostClock });
    await item.replicate("seed");
    const policy = { intervalSeconds: 60, appConsistentEverySeconds: 1_800, crashConsistentEverySeconds: 600 };
    await item.replicate("run", { policy, returnAfterSeconds: 5_400 });
    await item.replicate("run", { policy, returnAfterSeconds: 5_400 });
    const frozen = new Set(item.reports.flatMap((report) => report.lastAppConsistentAt ?? []));
    const instants = [...frozen].map((at) => Date.parse(at) / 60_000);
    const minutes = instants.slice(1).map((at, number) => at - (instants[number] ?? 0));
    expect(minutes.length).toBeGreaterThanOrEqual(5);
    expect(minutes.every((between) => between >= 30 && between <= 32)).toBe(true);
  },
);

import { expect, test } from "vitest";
import type { ReplicateReport } from "#activities/replication/request.ts";
import { createReporter } from "#activities/replication/reporter.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import { cutId, diskId, instant, itemName } from "#domain/ids.ts";

const vda = diskId("vda");
const point: RecoveryPoint = {
  id: cutId("c1"),
  item: itemName("app1"),
  epoch: 1,
  takenAt: instant(0),
  sealedAt: instant(1),
  consistency: "crash-consistent",
  disks: [],
  definition: "",
  kept: true,
  deltaBytes: 1_000,
};
const mebibyte = 1024 * 1024;

function watched() {
  const said: ReplicateReport[] = [];
  const clock = { now: 0 };
  const reporter = createReporter({ emit: (report) => said.push(report), now: () => clock.now });
  return { said, clock, reporter };
}

test("Progress is said every 250 ms at most, steps at once", () => {
  const { said, clock, reporter } = watched();
  reporter.disks([{ disk: vda, sizeBytes: 10 * mebibyte, from: 0 }]);
  const transfer = reporter.transfer(vda, 0);
  for (let done = 0; done < 10; done++) {
    transfer.progress({ bytesDone: done * mebibyte, bytesTotal: 10 * mebibyte, wireBytes: done });
    clock.now += 100;
  }
  reporter.phase("sealing");
  expect(said.map(({ phase, wireBytes }) => [phase, wireBytes])).toEqual([
    ["connecting", 0],
    ["connecting", 3],
    ["connecting", 6],
    ["connecting", 9],
    ["sealing", 9],
  ]);
});

test("Bytes of several transfers add up, and one that goes on shows what was there", () => {
  const { reporter } = watched();
  reporter.disks([{ disk: vda, sizeBytes: 10 * mebibyte, from: 4 * mebibyte }]);
  expect(reporter.report.disks).toEqual([
    { disk: vda, state: "Queued", bytesDone: 4 * mebibyte, bytesTotal: 10 * mebibyte },
  ]);
  for (const wireBytes of [700, 50]) {
    const transfer = reporter.transfer(vda, 0);
    transfer.progress({ bytesDone: 1, bytesTotal: 2, wireBytes: wireBytes - 1 });
    transfer.done({ dataBytes: 1000, zeroBytes: 0, wireBytes, comparedBytes: 0 });
  }
  expect(reporter.report).toMatchObject({ bytesSent: 2000, wireBytes: 750 });
});

test("The account of an attempt whose worker died is gone on with: what was sealed and sent stays so", () => {
  const { said, reporter: first } = watched();
  first.sealed(point, { durationMs: 1, bytes: 1_000, wireBytes: 700 });
  first.transfer(vda, 0).done({ dataBytes: 1_000, zeroBytes: 0, wireBytes: 700, comparedBytes: 0 });
  const before = first.report;
  const reporter = createReporter({ emit: (report) => said.push(report), now: () => 0, before });
  reporter.phase("cutting");
  expect(said.at(-1)).toEqual({ ...before, phase: "cutting", disks: [] });
  reporter.transfer(vda, 0).done({ dataBytes: 500, zeroBytes: 0, wireBytes: 50, comparedBytes: 0 });
  expect(reporter.report).toMatchObject({ bytesSent: 1_500, wireBytes: 750, lastSealed: { cut: point.id } });
});

test("The same warning said again takes the place of the earlier one", () => {
  const { reporter } = watched();
  const warn = (message: string, second: number) =>
    reporter.warn({ code: "FIRMWARE_NOT_CARRIED", message, at: instant(second * 1000) });
  warn("may not be read", 1);
  warn("is gone", 2);
  warn("may not be read", 3);
  expect(reporter.report.warnings.map(({ message, at }) => [message, at])).toEqual([
    ["is gone", instant(2000)],
    ["may not be read", instant(3000)],
  ]);
});

test("A copy that stands still is said to, and said to go on when it does", () => {
  const { said, clock, reporter } = watched();
  reporter.disks([{ disk: vda, sizeBytes: 10 * mebibyte, from: 0 }]);
  const transfer = reporter.transfer(vda, 0);
  const state = () => said.at(-1)?.disks.map((disk) => disk.state);
  const pass = (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      clock.now += 1_000;
      reporter.judge();
    }
  };
  pass(59);
  expect(reporter.report.disks.map((disk) => disk.state)).toEqual(["InProgress"]);
  pass(1);
  expect(state()).toEqual(["NoProgress"]);
  clock.now += 1_000;
  transfer.progress({ bytesDone: 1, bytesTotal: 10 * mebibyte, wireBytes: 1 });
  expect(state()).toEqual(["InProgress"]);
  pass(300);
  transfer.progress({ bytesDone: 2, bytesTotal: 10 * mebibyte, wireBytes: 2 });
  expect(state()).toEqual(["SlowProgress"]);
  reporter.completed(vda);
  pass(300);
  expect(state()).toEqual(["Completed"]);
});

test("What is said does not grow with the points that a run seals, nor with a machine's definition", () => {
  const { reporter } = watched();
  const sizes = Array.from({ length: 300 }, (_, number) => {
    const sealed = { ...point, id: cutId(`c${1_000 + number}`), definition: "x".repeat(8_000) };
    reporter.sealed(sealed, { durationMs: 1, bytes: 1, wireBytes: 1 });
    return JSON.stringify(reporter.report).length;
  });
  expect(Math.max(...sizes)).toBeLessThan((sizes[0] ?? 0) + 20);
});

test("An attempt that goes on where a lost worker was says that it does, and counts the passes on", () => {
  const { said, reporter } = watched();
  reporter.disks([{ disk: vda, sizeBytes: 10 * mebibyte, from: 0 }]);
  reporter.again("the cut broke and is taken anew");
  const before = said.at(-1);
  const next = createReporter({ emit: () => undefined, now: () => 0, ...(before && { before }) });
  expect(next.report.pass).toEqual({ number: 3, why: "the worker was lost and another one goes on" });
  next.sealed(point, { durationMs: 1, bytes: 1, wireBytes: 1 });
  expect(next.report.pass).toBeUndefined();
  const between = createReporter({ emit: () => undefined, now: () => 0, before: next.report });
  expect(between.report.pass).toBeUndefined();
});

import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { followObservations } from "#lab/demo/observations.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "observations-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const line = (record: number): string =>
  `${JSON.stringify({ kind: "acknowledged", site: "paris", record, at: record })}\n`;

test("answers all so far, each line once, also before the file is there", async () => {
  const file = path.join(folder, "notes");
  const read = followObservations(file);
  expect(await read()).toEqual([]);
  await appendFile(file, line(1) + line(2));
  expect(await read()).toHaveLength(2);
  await appendFile(file, line(3));
  expect((await read()).map((one) => (one.kind === "acknowledged" ? one.record : 0))).toEqual([1, 2, 3]);
});

test("two readings at once read each line once", async () => {
  const file = path.join(folder, "notes");
  await appendFile(file, line(1) + line(2));
  const read = followObservations(file);
  const [one, other] = await Promise.all([read(), read()]);
  expect(one).toHaveLength(2);
  expect(other).toHaveLength(2);
});

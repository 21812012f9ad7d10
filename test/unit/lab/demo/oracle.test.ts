import { expect, test } from "vitest";
import { siteName } from "#domain/ids.ts";
import { createOracle, type Observation } from "#lab/demo/oracle.ts";

const paris = siteName("paris");
const lyon = siteName("lyon");
const acknowledged = (record: number, at: number, site = paris): Observation => ({
  kind: "acknowledged",
  site,
  record,
  at,
});
const started = (head: number, at: number, problems: readonly string[] = []): Observation => ({
  kind: "started",
  site: lyon,
  head,
  at,
  problems,
});
const oracleOf = (...observations: readonly Observation[]) => createOracle(() => Promise.resolve(observations));
const signal = new AbortController().signal;

test("knows the newest record that was acknowledged at a site before an instant", async () => {
  const oracle = oracleOf(acknowledged(1, 100), acknowledged(2, 200), acknowledged(3, 250, lyon), acknowledged(4, 300));
  expect(await oracle.newest({ site: paris, before: 300 })).toMatchObject({ record: 2, at: 200 });
});

test("takes the lost acknowledgement, not that of the record written again at the other site", async () => {
  const oracle = oracleOf(acknowledged(7, 100), acknowledged(7, 900, lyon));
  expect(await oracle.acknowledged({ site: paris, record: 7 })).toMatchObject({ at: 100 });
});

test("a record that nobody acknowledged is an error, not a zero", async () => {
  const oracle = oracleOf(acknowledged(1, 100));
  await expect(oracle.acknowledged({ site: paris, record: 2 })).rejects.toThrow("Record 2 was never acknowledged");
  await expect(oracle.newest({ site: lyon, before: 1000 })).rejects.toThrow("No write of the machine was acknowledged");
});

test("a machine is awake when it has checked its disk and had a new record acknowledged", async () => {
  const oracle = oracleOf(acknowledged(5, 100), started(4, 500), acknowledged(5, 600, lyon));
  expect(await oracle.awakening({ site: lyon, since: 400 }, signal)).toMatchObject({
    consistent: true,
    recovered: 4,
    servingAt: 600,
  });
});

test("an earlier start at the same site is not taken for this one", async () => {
  const observations: Observation[] = [started(1, 100), acknowledged(2, 110, lyon)];
  const oracle = createOracle(() => Promise.resolve(observations));
  const awakening = oracle.awakening({ site: lyon, since: 400 }, signal);
  observations.push(started(9, 500), acknowledged(10, 510, lyon));
  expect(await awakening).toMatchObject({ recovered: 9, servingAt: 510 });
});

test("a damaged disk is told", async () => {
  const oracle = oracleOf(started(4, 500, ["Record 3 is torn."]), acknowledged(5, 600, lyon));
  expect(await oracle.awakening({ site: lyon, since: 0 }, signal)).toMatchObject({
    consistent: false,
    detail: "found a damaged disk: Record 3 is torn.",
  });
});

test("waiting ends when the demo is aborted", async () => {
  const abort = new AbortController();
  const awakening = oracleOf().awakening({ site: lyon, since: 0 }, abort.signal);
  abort.abort();
  await expect(awakening).rejects.toThrow("aborted");
});

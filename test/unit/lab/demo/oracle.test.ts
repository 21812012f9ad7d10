import { expect, test } from "vitest";
import { siteName } from "#domain/ids.ts";
import { createOracle, type Observation } from "#lab/demo/oracle.ts";

const paris = siteName("paris");
const lyon = siteName("lyon");
const acknowledged = (
  record: number,
  at: number,
  where: { readonly site?: typeof paris; readonly machine?: string } = {},
): Observation => ({
  kind: "acknowledged",
  site: where.site ?? paris,
  machine: where.machine ?? "app1",
  record,
  at,
});
const started = (
  head: number,
  at: number,
  more: { readonly machine?: string; readonly problems?: readonly string[] } = {},
): Observation => ({
  kind: "started",
  site: lyon,
  machine: more.machine ?? "app1",
  head,
  at,
  problems: more.problems ?? [],
});
const oracleOf = (...observations: readonly Observation[]) =>
  createOracle({ machineName: "app1", observations: () => Promise.resolve(observations) });
const signal = new AbortController().signal;

test("knows the newest record that was acknowledged before an instant", async () => {
  const oracle = oracleOf(acknowledged(1, 100), acknowledged(2, 200), acknowledged(3, 300));
  expect(await oracle.newestBefore(300)).toMatchObject({ record: 2, at: 200 });
});

test("does not count what a test machine wrote", async () => {
  const oracle = oracleOf(acknowledged(1, 100), acknowledged(2, 200, { machine: "app1-Test", site: lyon }));
  expect(await oracle.newestBefore(1000)).toMatchObject({ record: 1 });
});

test("takes a record's first acknowledgement: the lost one, not the one written again after the failover", async () => {
  const oracle = oracleOf(acknowledged(7, 100), acknowledged(7, 900, { site: lyon }));
  expect(await oracle.acknowledged(7)).toMatchObject({ at: 100 });
});

test("a record that nobody acknowledged is an error, not a zero", async () => {
  await expect(oracleOf(acknowledged(1, 100)).acknowledged(2)).rejects.toThrow("Record 2 was never acknowledged");
});

test("a machine is awake when it has checked its disk and had a new record acknowledged", async () => {
  const oracle = oracleOf(acknowledged(5, 100), started(4, 500), acknowledged(5, 600, { site: lyon }));
  expect(await oracle.awakening({ site: lyon, name: "app1", since: 400 }, signal)).toMatchObject({
    consistent: true,
    recovered: 4,
    servingAt: 600,
  });
});

test("an earlier start of the same machine is not taken for this one", async () => {
  const observations: Observation[] = [started(1, 100), acknowledged(2, 110, { site: lyon })];
  const oracle = createOracle({ machineName: "app1", observations: () => Promise.resolve(observations) });
  const awakening = oracle.awakening({ site: lyon, name: "app1", since: 400 }, signal);
  observations.push(started(9, 500), acknowledged(10, 510, { site: lyon }));
  expect(await awakening).toMatchObject({ recovered: 9, servingAt: 510 });
});

test("a damaged disk is told", async () => {
  const oracle = oracleOf(started(4, 500, { problems: ["Record 3 is torn."] }), acknowledged(5, 600, { site: lyon }));
  expect(await oracle.awakening({ site: lyon, name: "app1", since: 0 }, signal)).toMatchObject({
    consistent: false,
    detail: "found a damaged disk: Record 3 is torn.",
  });
});

test("waiting ends when the demo is aborted", async () => {
  const abort = new AbortController();
  const awakening = oracleOf().awakening({ site: lyon, name: "app1", since: 0 }, abort.signal);
  abort.abort();
  await expect(awakening).rejects.toThrow("aborted");
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createReplicationActivities } from "#activities/replication.ts";
import { cutId, instant } from "#domain/ids.ts";
import { Fault } from "#domain/fault.ts";
import { protectedItem } from "#test/support/protected-item.ts";
import { oneCycle, takes } from "#test/support/skipping-doubles.ts";
import { type SkippingItem, type SkippingWorld, startSkippingWorld } from "#test/support/skipping-world.ts";
import { paris } from "#test/support/temporal-world.ts";
import { itemConfigured } from "#workflows/messages.ts";

/** Of one stretch of it: the server suggests a new history at 4,096 events, which these come to once in a month. */
const stretchSeconds = 7_200;

describe("an item's replication in virtual time", () => {
  let world: SkippingWorld;
  let app: SkippingItem;
  /** Stretches that fail before one works again; then as many again. */
  const outages = [6, 2];
  const asked: { readonly seconds: number; readonly works: boolean }[] = [];
  let done = 0;
  /** Of a third item. */
  let hostKey: "wrong" | "right" = "wrong";
  let tries = 0;
  /** Of the other item: so many of its stretches seal one point each, and fail then. */
  const seals = 3;
  let sealed = 0;
  const newest = () => ({ cut: cutId(`cut-${sealed}`), takenAt: instant(sealed * 1_000) });

  beforeAll(async () => {
    world = await startSkippingWorld();
    const { replicate } = createReplicationActivities(
      async (_host, { tracked, returnAfterSeconds: seconds }, { report }) => {
        if (tracked.item === "app3") {
          tries += 1;
          if (hostKey === "wrong") throw new Fault("HOST_KEY_MISMATCH", "The host paris-1 shows another key.");
          takes(stretchSeconds);
          return oneCycle();
        }
        if (tracked.item === "app2") {
          if (sealed === seals) takes(stretchSeconds);
          sealed += 1;
          report({ ...oneCycle(), lastSealed: { ...newest(), sealedAt: newest().takenAt } });
          throw new Fault("HYPERVISOR_UNAVAILABLE", "libvirtd of paris-1 does not answer.");
        }
        const works = (outages[0] ?? 0) === 0;
        asked.push({ seconds, works });
        if (!works) {
          outages[0] = (outages[0] ?? 0) - 1;
          throw new Fault("HOST_UNREACHABLE", "The host paris-1 does not answer.");
        }
        if (outages.length > 0) outages.shift();
        else takes(stretchSeconds);
        done += 1;
        return oneCycle();
      },
    );
    await world.startSite(paris, { replicate });
    app = await world.startItem("app1");
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("is tried again after 5 s three times and then every 30 s; a success begins that anew", async () => {
    await world.passUntil(async () => outages.length === 0 && (await app.state()).failing === null);
    expect(await secondsUntilNextTry(app)).toEqual([5, 5, 5, 30, 30, 30, 5, 5]);
    expect(await app.state()).toMatchObject({ health: [], stuck: false, failing: null });
  });

  it("is tried with a single cycle while there is trouble, and in long stretches otherwise", () => {
    const [first, ...rest] = asked;
    expect(first).toEqual({ seconds: 300, works: false });
    expect(rest.slice(0, 6).map(({ seconds }) => seconds)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(rest[5]?.works).toBe(true);
    expect(rest.slice(6, 9).map(({ seconds }) => seconds)).toEqual([300, 0, 0]);
  });

  it("begins its history anew in a month, with nothing of its state lost or changed", async () => {
    const before = await app.state();
    const first = (await app.handle.describe()).runId;
    const doneBefore = done;
    await world.pass(30 * 86_400);
    const after = await app.state();

    expect(done - doneBefore).toBeGreaterThanOrEqual(30 * 12 - 1);
    expect(after.bytesSent - before.bytesSent).toBe((done - doneBefore) * 1_000);
    const { bytesSent, lastSealed, lastCycle } = after;
    expect(after).toEqual({ ...protectedItem("app1"), bytesSent, lastSealed, lastCycle });

    const lengths = await historyLengths(world, app.handle.workflowId, first);
    expect(lengths.length).toBeGreaterThan(1);
    expect(Math.max(...lengths)).toBeLessThan(4_200);
  });

  it("has the item know the newest point that a stretch sealed before it failed, and what was sent", async () => {
    const other = await world.startItem("app2");
    await world.passUntil(async () => (await other.state()).failing?.attempts === seals);
    expect(await other.state()).toMatchObject({ lastSealed: newest(), bytesSent: seals * 1_000 });
  });

  it("waits for a person after a fault that no retry mends, and is tried again when a configuration has been applied", async () => {
    const third = await world.startItem("app3");
    await world.passUntil(async () => (await third.state()).stuck);
    await world.pass(3_600);
    expect(tries).toBe(1);
    expect((await third.state()).health).toMatchObject([{ code: "HOST_KEY_MISMATCH", severity: "Critical" }]);

    hostKey = "right";
    const { configuration, policy, networkMappings, sides } = await third.state();
    const streams = { primary: sides.primary.stream, secondary: sides.secondary.stream };
    await third.handle.signal(itemConfigured, { configuration, policy, networkMappings, streams });
    await world.passUntil(async () => (await third.state()).failing === null);
    expect(await third.state()).toMatchObject({ stuck: false, health: [] });
  });
});

/** Of that run of a workflow and of each that it was continued as. */
async function historyLengths(world: SkippingWorld, workflowId: string, run: string): Promise<readonly number[]> {
  const { events } = await world.client.workflow.getHandle(workflowId, run).fetchHistory();
  const next = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  const length = events?.length ?? 0;
  return next ? [length, ...(await historyLengths(world, workflowId, next))] : [length];
}

/** From each failure to the next look at the machine, by the server's clock, in steps of 5 s. */
async function secondsUntilNextTry({ handle }: SkippingItem): Promise<readonly number[]> {
  const { events } = await handle.fetchHistory();
  const at = (event: { readonly eventTime?: unknown }): number => {
    const { seconds, nanos } = event.eventTime as { readonly seconds: unknown; readonly nanos: number };
    return Number(seconds) + nanos / 1e9;
  };
  const all = events ?? [];
  return all.flatMap((event, index) => {
    if (!event.activityTaskFailedEventAttributes) return [];
    const next = all.slice(index).find((later) => later.activityTaskScheduledEventAttributes);
    return next === undefined ? [] : [Math.floor((at(next) - at(event)) / 5) * 5];
  });
}

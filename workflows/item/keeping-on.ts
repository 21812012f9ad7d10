import { CancellationScope, isCancellation, sleep } from "@temporalio/workflow";
import type { MachineId } from "#domain/ids.ts";
import { activeEnd } from "#domain/lifecycle.ts";
import type { OperationName } from "#domain/operations.ts";
import { now } from "#workflows/clock.ts";
import { faultOf } from "#workflows/failure.ts";
import { withHealth } from "#workflows/item/health.ts";
import type { ItemHolder } from "#workflows/item/holder.ts";
import type { ItemPatch, ItemState, KeptOn, SideName } from "#workflows/item/state.ts";
import { keepingOnAt } from "#workflows/sites.ts";

/** A guest that stops its services one after the other takes minutes; one that has not gone off by then has not heard the request, or asks somebody at its screen. */
const shortestSeconds = 600;
/** When the host answers, but not as it should. */
const againSeconds = 10;

/** These turn the machine off themselves, leave it, or make it its owner's. */
const moves: readonly OperationName[] = ["PlannedFailover", "Failback", "UnplannedFailover", "DisableProtection"];

export const movesMachine = (operation: OperationName): boolean => moves.includes(operation);

/** A machine that was asked to shut down for a failover that does not come about: as long again as it would have been waited for, it is started when it goes off after all. */
export function keptOnFrom(
  state: ItemState,
  asked: { readonly side: SideName; readonly machine: MachineId },
): Pick<ItemPatch, "keptOn"> {
  const seconds = Math.max(shortestSeconds, state.configuration.shutdownGraceSeconds);
  return {
    keptOn: { ...asked, until: new Date(Date.parse(now()) + seconds * 1_000).toISOString() as KeptOn["until"] },
  };
}

/** Looks after such a machine, beside replication. */
export interface KeepingOn {
  /** A start may be under way: no job that wants the machine off begins before it is over. */
  readonly running: boolean;
  reconcile(): void;
}

export function keepingOn(item: ItemHolder): KeepingOn {
  let current: { readonly scope: CancellationScope; readonly key: string } | undefined;

  async function keep({ side, machine, until }: KeptOn): Promise<void> {
    const { site, host } = item.state.sides[side];
    const forSeconds = Math.ceil((Date.parse(until) - Date.parse(now())) / 1_000);
    if (forSeconds <= 0) return item.update((state) => ({ ...state, keptOn: null }));
    try {
      const { wasOff } = await keepingOnAt(site, forSeconds).keepMachineOn({ host, machine, forSeconds });
      item.update((state) => ({ ...(wasOff ? startedAgain(runs(state), site) : runs(state)), keptOn: null }));
    } catch (error) {
      if (isCancellation(error)) return;
      const fault = faultOf(error);
      // That the site does not answer its replication tells.
      if (fault.code !== "WORKER_UNAVAILABLE")
        item.update((state) => withHealth(state, fault, { category: "Configuration", action }));
      await sleep(againSeconds * 1_000);
    }
  }

  return {
    get running() {
      return current !== undefined;
    },
    reconcile() {
      const wanted = wantedOf(item.state);
      const key = wanted === undefined ? undefined : JSON.stringify(wanted);
      if (key === current?.key) return;
      if (current !== undefined) return current.scope.cancel();
      if (wanted === undefined || key === undefined) return;
      const mine = { scope: new CancellationScope(), key };
      current = mine;
      const ended = (): void => {
        current = undefined;
        item.touch();
      };
      mine.scope.run(() => keep(wanted)).then(ended, ended);
    },
  };
}

const action =
  "Mend that, and start the machine if it is off; for ten minutes at least after the failover it is tried again by itself.";

/** What hindered its start is over, whoever has started it. */
const runs = (state: ItemState): ItemState => ({
  ...state,
  health: state.health.filter((error) => error.action !== action),
});

const startedAgain = (state: ItemState, site: string): ItemState =>
  withHealth(
    state,
    {
      code: "SHUTDOWN_TIMED_OUT",
      message: `The guest shut down at site ${site} after the failover that had asked for it had ended without success; the machine has been turned on again.`,
    },
    { severity: "Warning", category: "Configuration", action: "Look whether it serves again." },
  );

/** As long as it is the machine that serves, and nobody is about to move it. */
function wantedOf({ keptOn, activeJob, lifecycle }: ItemState): KeptOn | undefined {
  if (keptOn === undefined || keptOn === null || lifecycle.state === "unprotected") return undefined;
  if (activeJob !== null && moves.includes(activeJob.operation)) return undefined;
  return keptOn.side === activeEnd(lifecycle) ? keptOn : undefined;
}

/** What becomes of it with a job's success: a machine that was moved, or given back to its owner, is looked after no more. */
export const keptOnAfter = (state: ItemState, operation: OperationName): ItemState =>
  state.keptOn !== undefined && state.keptOn !== null && moves.includes(operation)
    ? { ...runs(state), keptOn: null }
    : state;

/** Whether the machine must be left alone before that job begins. An unplanned failover waits for nobody: what it fences is not started. */
export const endsKeepingOn = (operation: OperationName): boolean =>
  moves.includes(operation) && operation !== "UnplannedFailover";

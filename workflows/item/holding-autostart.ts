import { CancellationScope, isCancellation, sleep } from "@temporalio/workflow";
import type { JobFault } from "#domain/job.ts";
import type { ProtectionState } from "#domain/states.ts";
import { faultOf } from "#workflows/failure.ts";
import { sourceOf } from "#workflows/item/ends.ts";
import { withHealth } from "#workflows/item/health.ts";
import type { ItemHolder } from "#workflows/item/holder.ts";
import { movesMachine } from "#workflows/item/keeping-on.ts";
import type { HeldAutostart, ItemState } from "#workflows/item/state.ts";
import { holdingAt, startingAt } from "#workflows/sites.ts";

/** One stay at the host: long, so that a machine that is protected for years leaves no long history. */
const holdSeconds = 3_600;
/** When the host answers, but not as it should, or the machine does not start: what it needs may be starting, too. Then less often, for the history's sake. */
const againSeconds = (failures: number): number => (failures <= 3 ? 5 : 30);

/**
 * Holds the start of the protected machine with its host, where the configuration says so (`autostart: understudy`): a host that is back after an unplanned failover
 * does not start the old primary. After a restart of the host the machine is started from here, because the item alone knows that it still lives there. What is held is
 * given back when the protection, or the setting, ends; a machine that was failed over from is its fence's.
 */
export interface HoldingAutostart {
  /** No job that moves the machine, or gives it to its owner, begins before it is over: a start may be under way. */
  readonly running: boolean;
  reconcile(): void;
}

export function holdingAutostart(item: ItemHolder): HoldingAutostart {
  async function hold(at: HeldAutostart): Promise<void> {
    const { held = [] } = item.state;
    if (!held.some((known) => isSame(known, at))) item.update((state) => ({ ...state, held: [...held, at] }));
    const { site, host, machine } = at;
    const { protectedSince } = item.state;
    const request = {
      host,
      item: item.state.item,
      machine,
      ...(protectedSince !== undefined && { since: protectedSince }),
    };
    const { startDue } = await holdingAt(site).holdAutostart({ ...request, forSeconds: holdSeconds });
    // A failover may have been ordered in the same moment.
    if (startDue && isSame(at, heldHere(item.state))) await startingAt(site).startHeldMachine(request);
    item.update(works);
  }

  async function giveBack(at: HeldAutostart): Promise<void> {
    await holdingAt(at.site).giveAutostartBack({ host: at.host, machine: at.machine });
    item.update((state) => works({ ...state, held: state.held?.filter((known) => !isSame(known, at)) ?? [] }));
  }

  // Never both at one machine: the one that ends last would have its way.
  const holding: Work = oneBeside(item, { wanted: (state) => unless(heldHere(state), givingBack.at), work: hold });
  const givingBack: Work = oneBeside(item, {
    wanted: (state) => unless(heldElsewhere(state), holding.at),
    work: giveBack,
  });
  return {
    get running() {
      return holding.at !== undefined || givingBack.at !== undefined;
    },
    reconcile() {
      const { held } = item.state;
      const still = stillHeld(item.state);
      if (still?.length !== held?.length) item.update((state) => ({ ...state, held: still ?? [] }));
      holding.reconcile();
      givingBack.reconcile();
    },
  };
}

interface Work {
  /** Where it is at work, until it has really ended there. */
  readonly at: HeldAutostart | undefined;
  reconcile(): void;
}

const unless = (wanted: HeldAutostart | undefined, other: HeldAutostart | undefined): HeldAutostart | undefined =>
  wanted !== undefined && isSame(wanted, other) ? undefined : wanted;

/** Runs the work that the state wants, one at a time: of something else only when this has really ended. */
function oneBeside(
  item: ItemHolder,
  of: {
    readonly wanted: (state: ItemState) => HeldAutostart | undefined;
    readonly work: (at: HeldAutostart) => Promise<void>;
  },
): Work {
  let current: { readonly scope: CancellationScope; readonly at: HeldAutostart } | undefined;
  let failures = 0;

  async function attempt(at: HeldAutostart): Promise<void> {
    try {
      await of.work(at);
      failures = 0;
    } catch (error) {
      if (isCancellation(error)) return;
      const fault = faultOf(error);
      item.update((state) => fails(state, at, fault));
      failures += 1;
      await sleep(againSeconds(failures) * 1_000);
    }
  }

  return {
    get at() {
      return current?.at;
    },
    reconcile() {
      const wanted = of.wanted(item.state);
      if (current !== undefined) {
        if (wanted === undefined || !isSame(wanted, current.at)) current.scope.cancel();
        return;
      }
      if (wanted === undefined) return;
      const mine = { scope: new CancellationScope(), at: wanted };
      current = mine;
      const ended = (): void => {
        current = undefined;
        item.touch();
      };
      mine.scope.run(() => attempt(wanted)).then(ended, ended);
    },
  };
}

/** The machine is at its source, and nothing has led it away. */
const atHome: readonly ProtectionState[] = [
  "initial-replication",
  "protected",
  "paused",
  "resynchronization-required",
  "resynchronizing",
];

/** The machine that was failed over from has its fence, or will have: what was held is that one's, and is not given back. */
const movedAway: readonly ProtectionState[] = ["commit-pending", "failed-over", "failed-over-protected"];

function placeOf(state: ItemState): HeldAutostart | undefined {
  const { site, host, machine } = sourceOf(state);
  return machine === null ? undefined : { site, host, machine: machine.id };
}

/** Whose start is to be held now. */
export function heldHere(state: ItemState): HeldAutostart | undefined {
  const { activeJob, lifecycle, configuration } = state;
  if (activeJob !== null && movesMachine(activeJob.operation)) return undefined;
  return configuration.autostart === "understudy" && atHome.includes(lifecycle.state) ? placeOf(state) : undefined;
}

/** One that is held and has to be no more. */
export function heldElsewhere(state: ItemState): HeldAutostart | undefined {
  const { held, activeJob, lifecycle } = state;
  if (activeJob !== null && movesMachine(activeJob.operation)) return undefined;
  const place = placeOf(state);
  return held?.find(
    (each) =>
      !isSame(each, place) || lifecycle.state === "unprotected" || state.configuration.autostart !== "understudy",
  );
}

/** What is held once the machine has been led away from where it was held. */
export function stillHeld(state: ItemState): ItemState["held"] {
  const { held, lifecycle } = state;
  if (held === undefined || !movedAway.includes(lifecycle.state)) return held;
  const left = placeOf(state);
  return held.filter((each) => !isSame(each, left));
}

const isSame = (one: HeldAutostart, other: HeldAutostart | undefined): boolean =>
  one.site === other?.site && one.host === other.host && one.machine === other.machine;

const action = "Start the machine by hand if it is needed now; it is tried again by itself.";

/** What the host does not do as it is asked. Nothing, once that is not wanted any more: the old primary of a failover is not to be started by hand. */
export function fails(state: ItemState, at: HeldAutostart, { code, message }: JobFault): ItemState {
  if (!isSame(at, heldHere(state)) && !isSame(at, heldElsewhere({ ...state, held: stillHeld(state) ?? [] })))
    return state;
  return withHealth(
    works(state),
    {
      code,
      message: `Understudy sees to the start of the machine at site ${at.site} after a restart of its host, and cannot: ${message}`,
    },
    { severity: "Warning", category: "FabricInfrastructure", action },
  );
}

const works = (state: ItemState): ItemState => {
  const health = state.health.filter((error) => error.action !== action);
  return health.length === state.health.length ? state : { ...state, health };
};

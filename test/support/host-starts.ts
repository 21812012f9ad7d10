import { CancelledFailure, Context } from "@temporalio/activity";
import { setTimeout as sleep } from "node:timers/promises";
import type { SourceActivities } from "#activities/source.ts";

/** What the host of a double does with its machines when it starts, and what is held of that. */
export interface HostStarts {
  readonly activities: Pick<SourceActivities, "holdAutostart" | "startHeldMachine" | "giveAutostartBack">;
  /** The host starts the machine by itself, as far as nobody holds that. */
  readonly byHost: Set<string>;
  isHeld(machine: string): boolean;
  /** Nobody holds it any more, and it is not given back. Answers whether the machine started with its host, held or not. */
  takeOver(machine: string): boolean;
  forget(machine: string): void;
  restart(): void;
}

export function hostStarts(at: {
  isRunning(machine: string): boolean;
  isFenced(machine: string): boolean;
  turnOn(machine: string): void;
}): HostStarts {
  const byHost = new Set<string>();
  /** By machine, the boot of the host that it last ran in. */
  const held = new Map<string, number>();
  let boot = 1;
  /** Answers whether a start is due. */
  const hold = (machine: string): boolean => {
    if (at.isFenced(machine) || !(byHost.delete(machine) || held.has(machine))) return false;
    const running = at.isRunning(machine);
    const ranIn = running ? boot : (held.get(machine) ?? boot);
    held.set(machine, ranIn);
    return !running && ranIn !== boot;
  };
  return {
    byHost,
    isHeld: (machine) => held.has(machine),
    takeOver: (machine) => [byHost.delete(machine), held.delete(machine)].includes(true),
    forget: (machine) => void held.delete(machine),
    restart: () => void (boot += 1),
    activities: {
      async holdAutostart({ machine, forSeconds }) {
        const { cancellationSignal } = Context.current();
        const until = Date.now() + forSeconds * 1_000;
        while (!cancellationSignal.aborted) {
          const startDue = hold(machine);
          if (startDue || Date.now() >= until) return { startDue };
          Context.current().heartbeat();
          await sleep(50);
        }
        throw new CancelledFailure("Cancelled.");
      },
      async startHeldMachine({ machine }) {
        const started = hold(machine);
        if (started) at.turnOn(machine);
        hold(machine);
        return { started };
      },
      async giveAutostartBack({ machine }) {
        if (held.delete(machine) && !at.isFenced(machine)) byHost.add(machine);
      },
    },
  };
}

import { getExternalWorkflowHandle } from "@temporalio/workflow";
import type { ItemHolder } from "#workflows/item/holder.ts";
import {
  granted,
  type ItemConfigured,
  itemConfigured,
  type JobRefusal,
  oldPrimaryRan,
  refused,
  replicationReached,
} from "#workflows/messages.ts";

interface JobAddress {
  readonly id: string;
  readonly runId?: string;
}

/** Brings an item's answers to jobs, in the order they were given. A job that has ended meanwhile needs no answer. */
export interface Courier {
  /** All that was to be told has been told. */
  readonly idle: boolean;
  refuse(job: JobAddress, refusal: JobRefusal): void;
  grant(job: JobAddress): void;
  interrupt(job: JobAddress): void;
  tellConfigured(job: JobAddress, said: ItemConfigured): void;
  tellRan(job: JobAddress): void;
  tellWaiting(job: JobAddress): void;
}

export function courierOf(item: ItemHolder): Courier {
  let outstanding = 0;
  let last: Promise<void> = Promise.resolve();
  const send = (deliver: () => Promise<void>): void => {
    outstanding += 1;
    last = last.then(deliver).then(
      () => done(),
      // The only way a signal or a cancellation between workflows fails: its receiver does not run (any more).
      () => done(),
    );
  };
  const done = (): void => {
    outstanding -= 1;
    item.touch();
  };
  const job = ({ id, runId }: JobAddress) => getExternalWorkflowHandle(id, runId);
  return {
    get idle() {
      return outstanding === 0;
    },
    refuse: (to, refusal) => send(() => job(to).signal(refused, refusal)),
    grant: (to) => send(() => job(to).signal(granted, item.state)),
    interrupt: (to) => send(() => job(to).cancel()),
    tellConfigured: (to, said) => send(() => job(to).signal(itemConfigured, said)),
    tellRan: (to) => send(() => job(to).signal(oldPrimaryRan)),
    tellWaiting: (to) =>
      send(() =>
        job(to).signal(replicationReached, {
          state: item.state.lifecycle.state,
          bytesSent: item.state.bytesSent,
          trouble: item.state.health.filter(({ severity }) => severity === "Critical"),
        }),
      ),
  };
}

import { setTimeout as delay } from "node:timers/promises";
import { interruptMergeScript } from "./activation-scripts.ts";
import type { ReplicaStore } from "./host-store.ts";
import { mergeForgotten } from "./merging.ts";
import type { StoredReplica } from "./stored-replica.ts";

/** The merges of one opening: they follow each sealed delta and hold up no next one. */
export interface BackgroundMerges {
  /** Goes on until nothing is left to merge; nothing when it does so already. */
  start(): void;
  /** What runs has ended by itself. */
  idle(): Promise<void>;
  /** Ends at once what runs: it is done again later. Nobody touches a layer then. */
  interrupt(signal: AbortSignal): Promise<void>;
  /** Lets a short merge end, and interrupts a long one. */
  finish(): Promise<void>;
}

/** How long the end of an opening waits for a merge. */
const shortMergeMs = 5_000;

export const mergeInBackground = (
  store: ReplicaStore,
  options: {
    readonly guard: (state: StoredReplica) => void;
    /** Told what failed: it is tried again after the next delta. */
    readonly onWarning: (fault: unknown) => void;
  },
): BackgroundMerges => {
  let running: { readonly end: AbortController; readonly done: Promise<void> } | undefined;
  const interruptRun = async (): Promise<void> => {
    running?.end.abort();
    await running?.done;
  };
  return {
    start() {
      if (running !== undefined) return;
      const end = new AbortController();
      const done = mergeForgotten(store, { signal: end.signal, guard: options.guard })
        .catch((error: unknown) => {
          if (!end.signal.aborted) options.onWarning(error);
        })
        .finally(() => {
          running = undefined;
        });
      running = { end, done };
    },
    async idle() {
      await running?.done;
    },
    async interrupt(signal) {
      await interruptRun();
      // What the host has not heard of yet, and what a worker before this one began.
      await store.host.run(interruptMergeScript, [store.layout.root], {
        purpose: "interrupt the merging of layers",
        timeoutMs: 60_000,
        signal,
      });
    },
    async finish() {
      await Promise.race([running?.done, delay(shortMergeMs, undefined, { ref: false })]);
      await interruptRun();
    },
  };
};

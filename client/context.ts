import type { Client } from "@temporalio/client";

/** What the client's verbs are made from. */
export interface ClientContext {
  readonly client: Client;
  /** Hears in a sentence what is being waited for, once it takes longer than a person expects. */
  readonly tell: (sentence: string) => void;
  /** How long the orchestrator's worker is waited for. */
  readonly patienceMs: number;
  readonly now: () => number;
  /** Rejects at once when `signal` is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

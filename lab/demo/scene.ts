import type { Narrator } from "./narrator.ts";
import type { Proof } from "./proof.ts";
import type { Stage } from "./stage.ts";

/** What every act plays with. */
export interface Scene {
  readonly stage: Stage;
  readonly narrator: Narrator;
  readonly signal: AbortSignal;
  /** Adds a row to the closing table and says it. */
  prove(proof: Proof): void;
}

import type { Refusal } from "./faults.ts";
import type { CommandName } from "./protocol.ts";

/** One run of equal flags in a block status answer. */
export interface StatusRun {
  readonly length: number;
  readonly flags: number;
}

/** A request on its way, as the reply reader sees it. */
export interface Pending {
  readonly command: CommandName;
  readonly offset: number;
  readonly length: number;
  /** Where a read's payload goes. */
  readonly into: Uint8Array | undefined;
  /** Bytes of `into` that the answer has filled so far. */
  covered: number;
  /** The first refusal; the request ends with its last chunk all the same. */
  refusal: Refusal | undefined;
  /** Block status runs by context id. */
  readonly status: Map<number, readonly StatusRun[]>;
  readonly finish: () => void;
}

import type { FaultCode } from "#domain/fault-codes.ts";

/** The outcome of one prerequisite. All of a job's checks run, so that every failed one is reported at once. */
export type Check =
  | {
      readonly name: string;
      readonly passed: true;
      readonly detail: string;
      /** The detail hinders nothing, and is still something the operator has to know: it is said with the job's result. */
      readonly warning?: true;
    }
  | {
      readonly name: string;
      readonly passed: false;
      readonly code: FaultCode;
      /** A sentence: what is wrong, with the value found. */
      readonly detail: string;
      /** What the operator does about it. */
      readonly action: string;
    };

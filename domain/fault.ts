import type { FaultCode } from "#domain/fault-codes.ts";

/** The one error type that crosses folders. `message` is a sentence an operator can act on; what the code means stands in `fault-table.ts`. */
export class Fault extends Error {
  readonly code: FaultCode;
  /** Plain JSON: names and values the sentence speaks of. Never a secret. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: FaultCode,
    message: string,
    options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "Fault";
    this.code = code;
    this.details = options.details ?? {};
  }
}

export const isFault = (value: unknown): value is Fault => value instanceof Fault;

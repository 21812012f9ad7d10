import { faultCodes, type FaultCode } from "#domain/fault-codes.ts";
import { Fault, isFault } from "#domain/fault.ts";

/** A fault as it crosses the stream. */
export interface FaultMessage {
  readonly code: FaultCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What is no fault goes over as `INTERNAL`, without its stack. */
export function toFaultMessage(cause: unknown): FaultMessage {
  if (isFault(cause)) return { code: cause.code, message: cause.message, details: cause.details };
  return { code: "INTERNAL", message: cause instanceof Error ? cause.message : String(cause), details: {} };
}

/** An unknown code (of a newer version) becomes `INTERNAL`; the sentence stays. */
export function fromFaultMessage(value: unknown): Fault {
  const { code, message, details } = (
    typeof value === "object" && value !== null ? value : {}
  ) as Partial<FaultMessage>;
  const known = faultCodes.find((candidate) => candidate === code);
  const sentence =
    typeof message === "string" ? message.slice(0, 8_192) : "The peer reported a fault without a sentence.";
  return new Fault(known ?? "INTERNAL", sentence, {
    details: typeof details === "object" && details !== null ? details : {},
  });
}

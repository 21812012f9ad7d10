import {
  ApplicationFailure,
  isGrpcServiceError,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
} from "@temporalio/client";
import { type FaultCode, faultCodes } from "#domain/fault-codes.ts";
import { Fault, isFault } from "#domain/fault.ts";

const isFaultCode = (value: unknown): value is FaultCode => faultCodes.some((code) => code === value);

/** gRPC's status numbers of a server that is not there, or does not answer. */
const unreachable: readonly number[] = [4, 14];

/** What Temporal's client throws, as a Fault. A workflow's failure carries its code as its type. */
export function toFault(error: unknown): Fault {
  if (isFault(error)) return error;
  if (error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError) return toFault(error.cause);
  if (error instanceof ApplicationFailure && isFaultCode(error.type)) {
    return new Fault(error.type, error.message, { cause: error });
  }
  const service = isGrpcServiceError(error) ? error : error instanceof Error ? error.cause : undefined;
  if (isGrpcServiceError(service) && unreachable.includes(service.code)) {
    return new Fault(
      "TEMPORAL_UNREACHABLE",
      `Temporal does not answer (${service.details}). Is it running, and are TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE right?`,
      { cause: error },
    );
  }
  return new Fault("INTERNAL", error instanceof Error ? error.message : String(error), { cause: error });
}

/** `work`, rejecting with Faults only. */
export async function withFaults<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw toFault(error);
  }
}

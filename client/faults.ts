import {
  ApplicationFailure,
  isGrpcServiceError,
  NamespaceNotFoundError,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
} from "@temporalio/client";
import { asSentence } from "#client/sentence.ts";
import { type FaultCode, faultCodes } from "#domain/fault-codes.ts";
import { Fault, isFault } from "#domain/fault.ts";

export const isFaultCode = (value: unknown): value is FaultCode => faultCodes.some((code) => code === value);

/** gRPC's status numbers: a server that is not there, or does not answer; a server that does not want this client. */
const unreachable: readonly number[] = [4, 14];
const refusing: readonly number[] = [7, 16];

/** What Temporal's client throws, as a Fault. A workflow's failure carries its code as its type. */
export function toFault(error: unknown): Fault {
  if (isFault(error)) return error;
  if (error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError) return toFault(error.cause);
  if (error instanceof ApplicationFailure && isFaultCode(error.type)) {
    return new Fault(error.type, error.message, { cause: error });
  }
  const trouble = serverTrouble(error);
  if (trouble !== undefined) return new Fault("TEMPORAL_UNREACHABLE", trouble, { cause: error });
  return new Fault("INTERNAL", asSentence(error instanceof Error ? error.message : String(error)), { cause: error });
}

/** Whether the server has not answered, so that what was asked of it may have been done or not. */
export function isUnanswered(error: unknown): boolean {
  const service = serviceErrorOf(error);
  return service !== undefined && unreachable.includes(service.code);
}

/** The client wraps what gRPC throws, or does not. */
function serviceErrorOf(error: unknown) {
  const service = isGrpcServiceError(error) ? error : error instanceof Error ? error.cause : undefined;
  return isGrpcServiceError(service) ? service : undefined;
}

/** What is wrong between this client and the server, as a sentence; `undefined` when that is not it. */
function serverTrouble(error: unknown): string | undefined {
  if (error instanceof NamespaceNotFoundError)
    return `Temporal has no namespace “${error.namespace}”. Set TEMPORAL_NAMESPACE to the one that the workers use; the first worker makes it.`;
  const service = serviceErrorOf(error);
  if (service === undefined) return undefined;
  if (unreachable.includes(service.code))
    return `Temporal does not answer (${service.details}). Is it running, and are TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE right?`;
  if (refusing.includes(service.code))
    return `Temporal refuses this client (${service.details}). Look at TEMPORAL_API_KEY, TEMPORAL_NAMESPACE and the certificate in TEMPORAL_TLS_…`;
  return undefined;
}

/** `work`, rejecting with Faults only. */
export async function withFaults<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw toFault(error);
  }
}

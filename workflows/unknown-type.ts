import { ApplicationFailure, workflowInfo } from "@temporalio/workflow";
import { nearest } from "#domain/nearest.ts";
import { operations } from "#domain/operations.ts";

/**
 * Takes up every workflow of a type that there is not: a person has mistyped it in Temporal's UI or on its command line. Without this Temporal would offer it to the
 * worker for ever. Always fails, with `INVALID_INPUT` and the name that was probably meant.
 */
export async function unknownType(): Promise<never> {
  const { workflowType } = workflowInfo();
  const meant = nearest(workflowType, operations);
  const guess = meant === undefined ? "" : ` (did you mean ${meant}?)`;
  throw ApplicationFailure.create({
    type: "INVALID_INPUT",
    nonRetryable: true,
    message: `There is no job of type “${workflowType}”${guess}. There are: ${operations.join(", ")}.`,
  });
}

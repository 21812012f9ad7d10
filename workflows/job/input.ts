import { ApplicationFailure } from "@temporalio/workflow";
import type { JobInput } from "#domain/job.ts";
import { nearest } from "#domain/nearest.ts";
import type { OperationName } from "#domain/operations.ts";

const pointKinds = ["latest", "latest-processed", "latest-crash-consistent", "latest-app-consistent", "custom"];

const invalid = (message: string): ApplicationFailure =>
  ApplicationFailure.create({ type: "INVALID_INPUT", message, nonRetryable: true });

const everyKnows = ["item", "requestedBy"] as const satisfies readonly (keyof JobInput)[];

/** What an operation takes beside that (`JobInput` says what for). */
const knows: Partial<Readonly<Record<OperationName, readonly (keyof JobInput)[]>>> = {
  EnableProtection: ["copies"],
  PlannedFailover: ["force"],
  Failback: ["force"],
  UnplannedFailover: ["point", "shutDownSource"],
  TestFailover: ["point", "network"],
  ChangePit: ["point"],
  UpdatePolicy: ["policy"],
  DisableProtection: ["force"],
};

/** What a person may have typed into Temporal's UI. Rejects with `INVALID_INPUT`, saying what is expected, with an example. */
export function jobInput(operation: OperationName, input: unknown): JobInput {
  const example = `Example: {"item":"app1"}.`;
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw invalid(`${operation} expects one JSON object as its input. ${example}`);
  }
  const known: readonly string[] = [...everyKnows, ...(knows[operation] ?? [])];
  const unknown = Object.keys(input).filter((key) => !known.includes(key));
  if (unknown.length > 0) {
    const told = unknown.map((key) => `“${key}”${meant(key, known)}`).join(", ");
    throw invalid(`${operation} does not know ${told}. It knows: ${known.join(", ")}. ${example}`);
  }
  const given = input as Readonly<Record<string, unknown>>;
  const { item, point } = given;
  if (typeof item !== "string" || item === "") {
    throw invalid(`${operation} needs the name of a protected item in “item”. ${example}`);
  }
  for (const key of ["requestedBy", "network", "policy"]) mustBe(operation, given, { key, type: "string" });
  for (const key of ["shutDownSource", "force"]) mustBe(operation, given, { key, type: "boolean" });
  if (point !== undefined) checkPoint(operation, point);
  if (given["copies"] !== undefined) checkCopies(operation, given["copies"]);
  if (operation === "ChangePit" && point === undefined) {
    throw invalid(
      `ChangePit needs the point to change to. Example: {"item":"${item}","point":{"kind":"latest-app-consistent"}}.`,
    );
  }
  return given as unknown as JobInput;
}

function meant(key: string, known: readonly string[]): string {
  const name = nearest(key, known);
  return name === undefined ? "" : ` (did you mean ${name}?)`;
}

function checkCopies(operation: string, copies: unknown): void {
  const given = typeof copies === "object" && copies !== null && !Array.isArray(copies) ? Object.values(copies) : [];
  if (given.length > 0 && given.every(isAbsolutePath)) return;
  throw invalid(
    `${operation}: “copies” must name a file on the target's host for each disk that was carried there, by its absolute path, like {"vda":"/srv/carried/vda.qcow2"}. It is ${JSON.stringify(copies)}.`,
  );
}

const isAbsolutePath = (value: unknown): boolean =>
  typeof value === "string" && value.startsWith("/") && !value.includes("\0") && value.length < 4_096;

function mustBe(
  operation: string,
  given: Readonly<Record<string, unknown>>,
  { key, type }: { key: string; type: string },
) {
  const value = given[key];
  if (value !== undefined && typeof value !== type) {
    throw invalid(`${operation}: “${key}” must be a ${type}, but is ${JSON.stringify(value)}.`);
  }
}

function checkPoint(operation: string, point: unknown): void {
  const kind = typeof point === "object" && point !== null && "kind" in point ? point.kind : undefined;
  const custom = typeof point === "object" && point !== null && "pointId" in point ? point.pointId : undefined;
  if (typeof kind !== "string" || !pointKinds.includes(kind)) {
    throw invalid(
      `${operation}: “point” must be like {"kind":"latest"}; kinds: ${pointKinds.join(", ")}. It is ${JSON.stringify(point)}.`,
    );
  }
  if (kind === "custom" && typeof custom !== "string") {
    throw invalid(
      `${operation}: a custom point needs its id: {"kind":"custom","pointId":"…"}. \`understudy points\` lists them.`,
    );
  }
}

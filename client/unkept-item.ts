import { requireConfiguration } from "#client/configuration.ts";
import type { ClientContext } from "#client/context.ts";
import { isKept } from "#client/item-state.ts";
import { Fault } from "#domain/fault.ts";
import type { ItemName } from "#domain/ids.ts";
import { scenarioOf } from "#domain/job-scenarios.ts";
import { newLifecycle, refusal } from "#domain/lifecycle.ts";
import { nearest } from "#domain/nearest.ts";
import type { OperationName } from "#domain/operations.ts";

/**
 * Refuses an order for an item of which nothing is protected, before a job is made of it: with `ITEM_NOT_FOUND` when the configuration does not have it either, with
 * `OPERATION_NOT_ALLOWED` when it has. An item that is protected refuses for itself.
 */
export async function refuseUnkept(context: ClientContext, operation: OperationName, name: ItemName): Promise<void> {
  if (await isKept(context, name)) return;
  const { items } = await requireConfiguration(context);
  if (items[name] === undefined) throw noItem(name, Object.keys(items));
  if (refusal(newLifecycle, operation) === undefined) return;
  throw notProtected(name, `${scenarioOf(operation).title} is not allowed while`);
}

/** What is asked of an item of which nothing is protected; `what` begins the sentence. */
export const notProtected = (name: ItemName, what: string): Fault =>
  new Fault(
    "OPERATION_NOT_ALLOWED",
    `${what} ${name} is configured but not protected. Allowed now: enable protection (understudy protect ${name}).`,
  );

/** More names than this help nobody. */
const namesTold = 10;

/** An item that the applied configuration does not have. */
export function noItem(name: string, known: readonly string[]): Fault {
  const meant = nearest(name, known);
  const more = known.length > namesTold ? ` and ${known.length - namesTold} more` : "";
  return new Fault(
    "ITEM_NOT_FOUND",
    `The configuration has no item “${name}”${meant === undefined ? "" : ` (did you mean ${meant}?)`}. It has: ${known.slice(0, namesTold).join(", ") || "none"}${more}. \`understudy status\` lists them.`,
  );
}

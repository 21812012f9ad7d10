import { type Connection, isGrpcServiceError } from "@temporalio/client";
import { encodeSearchAttributeIndexedValueType } from "@temporalio/common/lib/search-attributes.js";
import { setTimeout as sleep } from "node:timers/promises";
import { orchestratorQueue } from "#workflows/names.ts";
import { searchAttributes } from "#workflows/search-attributes.ts";

/** gRPC's status numbers. */
const notFound = 5;
const alreadyExists = 6;
/** A cluster whose operators keep this to themselves: they have been told to make the attributes (docs/temporal-ui.md). */
const notForUs: readonly number[] = [7, 12];

const refusedAs = (error: unknown, ...codes: readonly number[]): boolean =>
  isGrpcServiceError(error) && codes.includes(error.code);

/** Jobs and their histories are kept this long after they ended; Temporal's own default is a day. */
const retentionDays = 90;

/** Makes the namespace unless it is there. On a cluster that is somebody else's it is usually there, and this asks for no more than to see it. */
export async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.workflowService.describeNamespace({ namespace });
    return;
  } catch (error) {
    if (!refusedAs(error, notFound)) throw error;
  }
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      description: "Understudy: disaster recovery",
      workflowExecutionRetentionPeriod: { seconds: { low: retentionDays * 86_400, high: 0, unsigned: false } as never },
    });
  } catch (error) {
    if (!refusedAs(error, alreadyExists)) throw error;
  }
  // It is written down at once; the part of the server that carries workflows hears of it some seconds later.
  await until(`namespace ${namespace}`, async () => {
    try {
      await connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name: orchestratorQueue } });
      return true;
    } catch (error) {
      if (refusedAs(error, notFound)) return false;
      throw error;
    }
  });
}

/**
 * Makes the search attributes that are missing. Everything that starts the orchestrator's worker does this first: a workflow that sets an unknown one gets no further.
 */
export async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const listed = await missingAttributes(connection, namespace);
  if (listed?.length === 0) return;
  const keyword = encodeSearchAttributeIndexedValueType("KEYWORD") ?? 0;
  const names = listed ?? searchAttributes.map(({ name }) => name);
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(names.map((name) => [name, keyword])),
    });
  } catch (error) {
    // Another worker was quicker; or they are the cluster's operators' to make.
    if (!refusedAs(error, alreadyExists, ...notForUs)) throw error;
  }
  if (listed === undefined) return;
  await until("the search attributes", async () => (await missingAttributes(connection, namespace))?.length === 0);
}

/** `undefined` when the server does not tell. */
async function missingAttributes(connection: Connection, namespace: string): Promise<readonly string[] | undefined> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return searchAttributes.map(({ name }) => name).filter((name) => !(name in customAttributes));
  } catch (error) {
    if (refusedAs(error, ...notForUs)) return undefined;
    throw error;
  }
}

const lookEveryMs = 100;
const looks = 300;

async function until(what: string, there: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < looks; look += 1) {
    if (await there()) return;
    await sleep(lookEveryMs);
  }
  throw new Error(`Temporal accepted ${what}, but did not show it within ${(looks * lookEveryMs) / 1000} s.`);
}

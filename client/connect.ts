import { Client, Connection } from "@temporalio/client";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { toFault } from "#client/faults.ts";
import { createUnderstudyClient } from "#client/understudy.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import { Fault } from "#domain/fault.ts";

export interface ConnectOptions {
  /** Both absent: Temporal's standard environment configuration (`TEMPORAL_*` variables, profiles in its TOML file), mTLS and API key included. */
  readonly address?: string;
  readonly namespace?: string;
  /** How this client is called in Temporal's UI. */
  readonly identity?: string;
  /** Hears in a sentence what is being waited for, once it takes longer than a person expects. */
  readonly tell?: (sentence: string) => void;
  /** How long Temporal, and then the orchestrator's worker, is waited for; by default five and ten seconds. */
  readonly patienceMs?: number;
}

/** A server that is there answers in milliseconds. */
const silentForMs = 2_000;

/** Connects to Temporal. Rejects with `TEMPORAL_UNREACHABLE`, naming the address. */
export async function connectClient(options: ConnectOptions = {}): Promise<UnderstudyClient> {
  const { client, connection } = await connectTemporal(options);
  const { tell, patienceMs } = options;
  return createUnderstudyClient(client, {
    release: () => connection.close(),
    ...(tell === undefined ? {} : { tell }),
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
}

/** The same connection, for what starts workers. The connection is the caller's to close. */
export async function connectTemporal(
  options: ConnectOptions = {},
): Promise<{ readonly client: Client; readonly connection: Connection; readonly namespace: string }> {
  const environment = loadClientConnectConfig();
  const address = options.address ?? environment.connectionOptions.address ?? "localhost:7233";
  const namespace = options.namespace ?? environment.namespace ?? "default";
  const late = setTimeout(() => options.tell?.(`Waiting for Temporal at ${address} to answer.`), silentForMs);
  try {
    const connection = await Connection.connect({
      ...environment.connectionOptions,
      address,
      connectTimeout: options.patienceMs ?? "5 seconds",
    });
    const client = new Client({
      connection,
      namespace,
      ...(options.identity === undefined ? {} : { identity: options.identity }),
    });
    return { client, connection, namespace };
  } catch (error) {
    throw temporalUnreachable(address, error);
  } finally {
    clearTimeout(late);
  }
}

/** Why no connection came about, and the cure. */
export function temporalUnreachable(address: string, error: unknown): Fault {
  const fault = toFault(error);
  return new Fault(
    "TEMPORAL_UNREACHABLE",
    `Temporal cannot be reached at ${address}: ${fault.message} Start it, or set TEMPORAL_ADDRESS.`,
    { cause: error },
  );
}

import { NativeConnection } from "@temporalio/worker";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { type ConnectOptions, connectTemporal } from "#client/connect.ts";
import type { Client, Connection } from "@temporalio/client";

/** A worker's two connections to Temporal: its own, and a client's. */
export interface WorkerConnection extends AsyncDisposable {
  readonly native: NativeConnection;
  readonly clientConnection: Connection;
  readonly client: Client;
  readonly namespace: string;
}

/** By Temporal's standard environment configuration, unless `options` says otherwise. Rejects with `TEMPORAL_UNREACHABLE`. */
export async function connectWorker(options: ConnectOptions = {}): Promise<WorkerConnection> {
  const { client, connection: clientConnection, namespace } = await connectTemporal(options);
  const { connectionOptions } = loadClientConnectConfig();
  const address = options.address ?? connectionOptions.address ?? "localhost:7233";
  const native = await NativeConnection.connect({ ...connectionOptions, address });
  return {
    native,
    clientConnection,
    client,
    namespace,
    async [Symbol.asyncDispose]() {
      await native.close();
      await clientConnection.close();
    },
  };
}

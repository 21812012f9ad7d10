import { NativeConnection } from "@temporalio/worker";
import { connectTemporal } from "#client/connect.ts";
import { startOrchestratorWorker } from "#workers/orchestrator-worker.ts";
import { readyLine } from "./start-process.ts";

/** A process of the demo: the orchestrator's worker. Finds Temporal by `TEMPORAL_ADDRESS`. */
const { connection: clientConnection, client, namespace } = await connectTemporal({ identity: "demo-orchestrator" });
const connection = await NativeConnection.connect({ address: clientConnection.options.address });
const worker = await startOrchestratorWorker({ connection, clientConnection, namespace });
process.once("SIGTERM", () => void worker.stop());
process.stdout.write(`${readyLine}\n`);
await worker.done;
await connection.close();
await client.connection.close();

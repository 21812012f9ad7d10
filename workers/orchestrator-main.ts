import { ensureNamespace } from "#client/prepare.ts";
import { connectWorker } from "#workers/connect-worker.ts";
import { startOrchestratorWorker } from "#workers/orchestrator-worker.ts";
import { readyLine } from "#workers/ready-line.ts";
import { installLog } from "#workers/runtime-log.ts";
import { untilTold } from "#workers/until-told.ts";

/** `node workers/orchestrator-main.ts`: the worker that runs the workflows. Temporal is found by its standard environment configuration. */
const log = installLog("orchestrator");
await using connection = await connectWorker();
await ensureNamespace(connection.clientConnection, connection.namespace);
const worker = await startOrchestratorWorker({
  connection: connection.native,
  clientConnection: connection.clientConnection,
  namespace: connection.namespace,
});
log(readyLine);
await untilTold([worker]);

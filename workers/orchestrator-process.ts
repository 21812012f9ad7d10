import { ensureNamespace } from "#client/prepare.ts";
import { connectWorker } from "#workers/connect-worker.ts";
import { startOrchestratorWorker } from "#workers/orchestrator-worker.ts";
import { readyLine } from "#workers/ready-line.ts";
import { installLog } from "#workers/runtime-log.ts";
import { untilTold } from "#workers/until-told.ts";

/** The worker that runs the workflows as a process of its own: connects by Temporal's standard environment configuration, says `readyLine`, and works until SIGTERM. */
export async function runOrchestratorProcess(): Promise<void> {
  const log = installLog("orchestrator");
  await using connection = await connectWorker();
  const { native, clientConnection, namespace } = connection;
  await ensureNamespace(clientConnection, namespace);
  const worker = await startOrchestratorWorker({ connection: native, clientConnection, namespace });
  log(readyLine);
  await untilTold([worker]);
}

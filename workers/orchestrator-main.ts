import { runMain } from "#workers/run-main.ts";
import { runOrchestratorProcess } from "#workers/orchestrator-process.ts";

/** `node workers/orchestrator-main.ts`: the worker that runs the workflows. Temporal is found by its standard environment configuration. */
await runMain(runOrchestratorProcess);

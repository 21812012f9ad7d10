import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { interruption } from "./interruption.ts";
import { runScript } from "./run-script.ts";
import { runCli } from "./run.ts";
import { processTerminal } from "./terminal.ts";
import { userName } from "./user-name.ts";

const user = userName();
const interrupted = interruption();

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: processTerminal(),
  connect: async (tell, patienceMs) => {
    // Temporal's client takes a while to load; help and typing errors do not wait for it.
    const { connectClient } = await import("#client/connect.ts");
    return connectClient({
      identity: `understudy ${user}`,
      tell,
      ...(patienceMs === undefined ? {} : { patienceMs }),
    });
  },
  readFile: (path) => readFile(path, "utf8"),
  now: Date.now,
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
  get interrupted() {
    return interrupted();
  },
  user,
  runScript,
});

import { Command } from "commander";
import { apply } from "./commands/apply.ts";
import { cancel } from "./commands/cancel.ts";
import { changePoint } from "./commands/change-point.ts";
import { cleanup } from "./commands/cleanup.ts";
import { commit } from "./commands/commit.ts";
import { completion } from "./commands/completion.ts";
import { configuration } from "./commands/configuration.ts";
import { diff } from "./commands/diff.ts";
import { disable } from "./commands/disable.ts";
import { failback } from "./commands/failback.ts";
import { failover } from "./commands/failover.ts";
import { job } from "./commands/job.ts";
import { jobs } from "./commands/jobs.ts";
import { lab } from "./commands/lab.ts";
import { pause } from "./commands/pause.ts";
import { pki } from "./commands/pki.ts";
import { points } from "./commands/points.ts";
import { protect } from "./commands/protect.ts";
import { reprotect } from "./commands/reprotect.ts";
import { resume } from "./commands/resume.ts";
import { resync } from "./commands/resync.ts";
import { setPolicy } from "./commands/set-policy.ts";
import { status } from "./commands/status.ts";
import { verify } from "./commands/verify.ts";
import { worker } from "./commands/worker.ts";
import type { Cli } from "./command.ts";

const groups: readonly { readonly title: string; readonly commands: readonly ((cli: Cli) => Command)[] }[] = [
  { title: "Configuration", commands: [apply, diff, configuration] },
  { title: "Watch", commands: [status, points, verify, jobs, job] },
  { title: "Protect", commands: [protect, resync, pause, resume, setPolicy, disable] },
  { title: "Fail over", commands: [failover, cleanup, commit, changePoint, cancel, reprotect, failback] },
  { title: "Run", commands: [worker, pki, lab, completion] },
];

/** The whole command line. */
export const buildProgram = (cli: Cli): Command => {
  const program = new Command("understudy")
    .description(
      "Understudy keeps a stand-in ready for every machine, and brings it on stage when the star cannot go on.",
    )
    .helpCommand(false)
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `
Examples:
  $ understudy apply -f site.yaml
  $ understudy protect app1
  $ understudy status --watch
  $ understudy failover app1 --planned

Every command has --help with examples and, but for completion and worker, --json.
Temporal is found by its own environment variables: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS_…

Exit codes (docs/cli.md): 0 done, 2 wrong input, 3 not found, 4 refused by the
state, 5 prerequisites, 6 unreachable, 7 timed out, 8 data integrity,
9 cancelled, 1 a defect.`,
    );
  for (const { title, commands } of groups) {
    program.commandsGroup(`${title}:`);
    for (const make of commands) program.addCommand(make(cli));
  }
  return program;
};

import { Command } from "commander";

import { Fault, isFault } from "#domain/fault.ts";

import { chooseLab, usualId } from "./commands/choose-lab.ts";
import { describeLab, labText } from "./commands/describe.ts";
import { addGuest, type GuestOptions } from "./commands/guest.ts";
import { revive } from "./commands/revive.ts";
import { status } from "./commands/status.ts";
import { up, type UpOptions } from "./commands/up.ts";
import { faults, findFault } from "./faults/catalogue.ts";
import { defaultLabDir } from "./hosts/lab-dir.ts";
import { reapLab } from "./hosts/reap.ts";
import { listLabs } from "./hosts/state.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => stop.abort(new Fault("CANCELLED", "Stopped on request; nothing was left behind.")));

const progress = (sentence: string): void => void process.stderr.write(`lab: ${sentence}\n`);

/** An answer: JSON for programs, text for people. */
const answer = (json: boolean | undefined, value: unknown, text: string): void =>
  void process.stdout.write(json === true ? `${JSON.stringify(value, undefined, 2)}\n` : `${text}\n`);

const program = new Command("understudy lab")
  .description(
    "Real hypervisor hosts on this machine, each in namespaces of its own, to try Understudy on and to break.",
  )
  .addHelpText(
    "after",
    `
Examples:
  understudy lab up                         two hosts, paris1 and lyon1, with the id "demo"
  understudy lab guest shop --host paris1   a machine with a writer in it
  understudy lab fault crash paris1         the host dies with everything on it
  understudy lab fault start paris1
  understudy lab revive paris               the site's hosts, and in a kept demo its worker, come back
  understudy lab down

Every command takes --json, and --id. Without --id: the lab "demo", or the only one there is.

Exit codes: 0 done, 1 failed, 2 wrong input, 130 stopped by Ctrl-C.`,
  );

program
  .command("up")
  .description("start a lab and leave it running (0.3 s)")
  .option("--id <id>", "labs live side by side under different ids", usualId)
  .option("--hosts <names>", "paris1 stands at the site paris", "paris1,lyon1")
  .option("--subnet <cidr>", "a /24; by default the first free one from 10.78.0.0 on")
  .option("--store-mib <host=mib...>", "give that host's store a size of its own, so that it can be full")
  .option("--json", "answer in JSON")
  .action(async (options: UpOptions & { readonly json?: boolean }) => {
    const lab = await up(options, progress, stop.signal);
    answer(options.json, lab, labText(lab));
  });

program
  .command("down")
  .description("end a lab and remove all of it; also what a crash left of one")
  .option("--id <id>", "the lab", usualId)
  .option("--all", "every lab there is")
  .option("--json", "answer in JSON")
  .action(async (options: { readonly id: string; readonly all?: boolean; readonly json?: boolean }) => {
    const there = await listLabs(defaultLabDir);
    const ids = options.all === true ? there : [options.id];
    const removed: string[] = [];
    for (const id of ids) if (await reapLab(id)) removed.push(id);
    answer(
      options.json,
      { removed },
      removed.length > 0
        ? `Removed: ${removed.join(", ")}`
        : `There was nothing to remove${there.length === 0 ? "." : ` of the id ${options.id}; there are: ${there.join(", ")}. Name one with --id.`}`,
    );
  });

program
  .command("status")
  .description("the labs that are up, and how to get in")
  .option("--id <id>", "only this one")
  .option("--json", "answer in JSON")
  .action(async (options: { readonly id?: string; readonly json?: boolean }) => {
    const found = await status(options.id);
    const texts = found.labs.map(labText);
    const left = found.leftBehind.map(
      (id) => `lab ${id} was left by a crash; remove it: understudy lab down --id ${id}`,
    );
    answer(options.json, found, [...texts, ...left].join("\n") || "No lab is up. Start one: understudy lab up");
  });

program
  .command("guest")
  .description("make a machine on a host and start it; a writer in it proves what any image of its disk is worth")
  .argument("<name>")
  .option("--id <id>", "the lab")
  .option("--host <host>", "where it runs", "paris1")
  .option("--address <ipv4>", "its address; by default the first free one from .101 of the lab's subnet on")
  .option("--size-mib <mib>", "its disk", "1024")
  .option("--rate-kib <kib>", "random KiB a second its writer overwrites", "0")
  .option("--json", "answer in JSON")
  .action(async (name: string, options: GuestOptions & { readonly json?: boolean }) => {
    const guest = await addGuest(name, options, progress, stop.signal);
    answer(
      options.json,
      guest,
      `${guest.name} runs on ${guest.host}, ready after ${guest.readyMs} ms: curl http://${guest.address}/status`,
    );
  });

program
  .command("revive")
  .description("bring a site back after a disaster: its hosts, and in a kept demo its worker")
  .argument("<site>")
  .option("--id <id>", 'the lab; "light": the kept demo on simulated hosts')
  .option("--json", "answer in JSON")
  .action(async (site: string, options: { readonly id?: string; readonly json?: boolean }) => {
    const revived = await revive(options.id, { site, progress, signal: stop.signal });
    answer(options.json, revived, `${revived.site} is back with ${revived.hosts.join(", ")}. ${revived.worker}`);
  });

const width = Math.max(...faults.map(({ name, usage }) => `${name} ${usage}`.length));
program
  .command("fault")
  .description("break something, or mend it")
  .argument("<fault>")
  .argument("[arguments...]")
  .option("--id <id>", "the lab")
  .option("--json", "answer in JSON")
  .addHelpText(
    "after",
    `\nFaults:\n${faults.map(({ name, usage, effect }) => `  ${`${name} ${usage}`.padEnd(width)}  ${effect}`).join("\n")}`,
  )
  .action(async (name: string, args: readonly string[], options: { readonly id?: string; readonly json?: boolean }) => {
    const fault = findFault(name);
    const lab = await chooseLab(options.id);
    await fault.inject(lab, args);
    if (options.json === true) answer(true, await describeLab(lab), "");
    else answer(false, undefined, `${name} ${args.join(" ")}: ${fault.effect}`);
  });

try {
  await program.exitOverride().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (isFault(error)) {
    process.stderr.write(`lab: ${error.message}\n`);
    return error.code === "CANCELLED" ? 130 : error.code === "INVALID_INPUT" ? 2 : 1;
  }
  // commander has said what is wrong with the command line, or shown the help that was asked for
  if (error instanceof Error && "exitCode" in error && typeof error.exitCode === "number")
    return error.exitCode === 0 ? 0 : 2;
  throw error;
}

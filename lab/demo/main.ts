import { askAtTerminal } from "#lab/bootstrap/ask.ts";
import { isFault } from "#domain/fault.ts";
import { buildLightStage, takeLightStageDown } from "./light/stage.ts";
import { createNarrator, type Narrator } from "./narrator.ts";
import { parseOptions, usage, type DemoOptions } from "./options.ts";
import { proofTable, type Proof } from "./proof.ts";
import { buildRealStage, takeRealStageDown } from "./real/stage.ts";
import type { Stage } from "./stage.ts";
import { tellStory } from "./story.ts";

/** `npm run demo`: builds a stage, tells the story on it, shows what was proven, and takes the stage down again, also on Ctrl-C. */
const main = async (options: DemoOptions): Promise<number> => {
  const narrator = createNarrator();
  if (options.down) {
    const ended = [await takeLightStageDown(), await takeRealStageDown()];
    const left = ended.includes(true);
    narrator.say(left ? "The kept demo is ended and its files are removed." : "There was nothing left of a demo.");
    return 0;
  }
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => abort.abort(new Interrupted(name)));
  }
  const ask = askAtTerminal({ yes: options.yes });
  try {
    narrator.act("Set-up");
    const stage = await (options.light ? buildLightStage : buildRealStage)({
      progress: (sentence) => narrator.say(sentence),
      signal: abort.signal,
      ...(ask ? { ask } : {}),
    });
    let kept = false;
    try {
      const proofs = await play(stage, narrator, abort.signal);
      if (options.keep) {
        await stage.keep();
        kept = true;
        narrator.act(`All of it still runs, except ${stage.home}, which the disaster took. Try next:`);
        for (const command of stage.nextCommands) process.stdout.write(command === "" ? "\n" : `  ${command}\n`);
      }
      return proofs.every(({ holds }) => holds) ? 0 : 1;
    } finally {
      if (!kept) {
        narrator.progress("cleaning up");
        await stage[Symbol.asyncDispose]();
        narrator.say("Cleaned up: nothing of the demo runs any more.");
      }
    }
  } catch (error) {
    if (!(abort.signal.reason instanceof Interrupted)) throw error;
    narrator.say(`Stopped by ${abort.signal.reason.message}; everything was cleaned up.`);
    return 130;
  }
};

class Interrupted extends Error {}

const play = async (stage: Stage, narrator: Narrator, signal: AbortSignal): Promise<readonly Proof[]> => {
  narrator.say(`This is played on ${stage.description}.`);
  narrator.say(`Watch it in Temporal's UI: ${stage.temporal.uiUrl}`);
  const proofs: Proof[] = [];
  await tellStory({
    stage,
    narrator,
    signal,
    prove(proof) {
      proofs.push(proof);
      narrator.say(`${proof.holds ? "✓" : "✗"} ${proof.claim}: ${proof.measured}`);
    },
  });
  process.stdout.write(`\n${proofTable(proofs)}\n`);
  process.stdout.write(`Played on ${stage.description}.\n`);
  return proofs;
};

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(`${usage}\n`);
  else process.exitCode = await main(options);
} catch (error) {
  const wrongUse = isFault(error) && error.code === "INVALID_INPUT";
  const text = isFault(error) ? error.message : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`\n${text}${isFault(error) && !wrongUse ? ` [${error.code}]` : ""}\n`);
  process.exitCode = wrongUse ? 2 : 1;
}

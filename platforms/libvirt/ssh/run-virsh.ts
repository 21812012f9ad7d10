import { randomBytes } from "node:crypto";
import { Fault } from "#domain/fault.ts";
import { commandFault } from "./command-fault.ts";
import type { Bounds } from "./deadline.ts";
import type { FramedProcess } from "./framed-process.ts";
import type { ProcessPool } from "./process-pool.ts";
import { shellQuote } from "./shell-quote.ts";

/** History and key bindings of whoever logs in there are none of our business; the locale keeps messages English and names whole. */
export const virshCommand =
  "exec env LC_ALL=C.UTF-8 TERM=dumb INPUTRC=/dev/null XDG_CACHE_HOME=/dev/null virsh --quiet --connect qemu:///system";

/**
 * Runs commands in order on one kept virsh (2 ms each), handing each output to `accept`, which may throw to stop there. virsh reconnects to a restarted
 * libvirtd by itself.
 */
export const runVirsh = (
  pool: ProcessPool,
  commands: readonly (readonly string[])[],
  bounds: Bounds,
  accept: (output: string, index: number) => void,
): Promise<void> => {
  commands.forEach(assertPlainWords);
  const { host, purpose } = bounds;
  return pool.use(bounds, async (process, signal) => {
    for (const [index, words] of commands.entries()) {
      const fault = (text: string): Fault => commandFault({ host, purpose, text, details: { command: words[0] } });
      const first = await runOne(process, words, signal);
      // virsh says the same of a machine that is not there and of a libvirtd that died while it looked for it. Nothing was done then: it is asked again,
      // over a new connection if there was none any more.
      const isDoubtful = first.error !== "" && fault(first.error).code === "MACHINE_NOT_FOUND";
      const { output, error } = isDoubtful ? await runOne(process, words, signal) : first;
      if (error !== "") throw fault(error);
      accept(output, index);
    }
  });
};

/**
 * virsh echoes its input and flushes its output only at its next prompt. So a command stands between `begin` and `ran` on one line (a line that cannot be
 * parsed is not run at all, and then `ran` is missing) and `end` comes on the next. The markers are sent with quotes inside, so that the echo of the
 * input never looks like one.
 */
const runOne = async (
  process: FramedProcess,
  words: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly output: string; readonly error: string }> => {
  const mark = randomBytes(8).toString("hex");
  const request =
    `echo be'gin-${mark}'; ${words.map(shellQuote).join(" ")}; echo r'an-${mark}'\n` +
    `echo e'nd-${mark}'; echo --err e'nd-${mark}'\n`;
  const { stdout, stderr } = await process.exchange(request, `end-${mark}`, signal);
  const begin = stdout.indexOf(`begin-${mark}`);
  const ran = stdout.lastIndexOf(`ran-${mark}`);
  const error = errorsOf(stderr);
  if (begin < 0 || ran < 0) return { output: "", error: error === "" ? "virsh did not take the command" : error };
  return { output: stdout.slice(begin + `begin-${mark}`.length, ran), error };
};

/** A failed command always prints an error; virsh's talk of having reconnected before the command is none. */
const errorsOf = (stderr: string): string =>
  stderr
    .split("\n")
    .filter((line) => line.startsWith("error:") && !/^error: (Disconnected from|Reconnected to)/.test(line))
    .map((line) => line.slice("error:".length).trim())
    .filter((line) => line !== "")
    .join("\n");

/** Words go through a line editor: a control character would be a key press. Rejects with `INVALID_INPUT`. */
const assertPlainWords = (words: readonly string[]): void => {
  for (const word of words)
    if (/\p{Cc}/u.test(word))
      throw new Fault("INVALID_INPUT", `A control character cannot be passed to virsh: ${JSON.stringify(word)}.`);
};

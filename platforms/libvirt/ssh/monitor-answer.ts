import { Fault } from "#domain/fault.ts";
import { commandFault } from "./command-fault.ts";

interface QmpAnswer {
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

/** What QEMU answered to one command. QMP errors become Faults with `details.qmpClass` and `details.qmpError`, libvirt passes them as ordinary output. */
export const parseMonitorAnswer = (answer: {
  readonly output: string;
  readonly execute: string;
  readonly host: string;
  readonly domain: string;
  readonly purpose: string;
}): unknown => {
  const { output, execute, host, domain, purpose } = answer;
  let parsed: QmpAnswer;
  try {
    parsed = JSON.parse(output) as QmpAnswer;
  } catch (error) {
    throw new Fault(
      "COMMAND_FAILED",
      `Host ${host} answered ${execute} of machine ${domain} with something that is no JSON: ${output.slice(0, 200)}`,
      {
        cause: error,
        details: { host, domain, execute },
      },
    );
  }
  if (parsed.error !== undefined)
    throw commandFault({
      host,
      purpose,
      text: `QEMU refuses ${execute}: ${parsed.error.desc}`,
      details: { domain, execute, qmpClass: parsed.error.class, qmpError: parsed.error.desc },
    });
  return parsed.return;
};

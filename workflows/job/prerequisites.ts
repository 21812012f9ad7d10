import { isCancellation } from "@temporalio/workflow";
import type { Check } from "#domain/check.ts";
import { Fault } from "#domain/fault.ts";
import { faultOf } from "#workflows/failure.ts";
import type { Steps } from "#workflows/job/job.ts";

/**
 * Runs all groups of checks side by side and reports every failed one at once: rejects with `PREREQUISITES_FAILED`, whose message lists them, each with its cure.
 * A group that could not be asked counts as one failed check. What passed with a warning is said with the job's result.
 */
export async function prerequisites(
  job: Pick<Steps, "note" | "inform">,
  groups: Readonly<Record<string, () => Promise<readonly Check[]>>>,
): Promise<void> {
  const cancellations: Error[] = [];
  const answers = await Promise.all(
    Object.entries(groups).map(async ([where, ask]) => {
      try {
        return (await ask()).map((check) => ({ where, check }));
      } catch (error) {
        if (error instanceof Error && isCancellation(error)) {
          cancellations.push(error);
          return [];
        }
        const { code, message, action } = faultOf(error);
        const check: Check = { name: "can be asked", passed: false, code, detail: message, action };
        return [{ where, check }];
      }
    }),
  );
  // Nobody failed a check: the job was called off while they were asked. Said only now, when none is being asked any more.
  const [cancelled] = cancellations;
  if (cancelled !== undefined) throw cancelled;
  const checks = answers.flat();
  const failed = checks.flatMap(({ where, check }) => (check.passed ? [] : [{ where, ...check }]));
  if (checks.length > 0) job.note(`${checks.length - failed.length} of ${checks.length} checks passed`);
  if (failed.length === 0) {
    for (const { where, check } of checks)
      if (check.passed && check.warning === true) job.inform(`${where}, ${check.name}: ${check.detail}`);
    return;
  }
  const list = failed.map(({ where, name, detail, action }) => `- ${where}, ${name}: ${asSentence(detail)} ${action}`);
  throw new Fault(
    "PREREQUISITES_FAILED",
    `${failed.length} of ${checks.length} prerequisites are not met:\n${list.join("\n")}`,
    {
      details: { failed },
    },
  );
}

const asSentence = (text: string): string => (/[.!?:]$/.test(text) ? text : `${text}.`);

import type { z } from "zod";
import { checkPolicies } from "./check-policies.ts";
import { checkReferences, type Finding } from "./check-references.ts";
import { checkSecrets } from "./check-secrets.ts";
import { complete } from "./complete.ts";
import { readDocument } from "./document.ts";
import { problemText, type ConfigurationProblem } from "./problem.ts";
import { fileSchema } from "./schema.ts";
import type { Configuration } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";

export interface ParseOptions {
  /** How the file is called in messages. */
  readonly file: string;
  /** The platforms a host may have; `libvirt` when absent. */
  readonly kinds?: readonly [string, ...string[]];
}

/**
 * Reads the user's YAML. Either all of it is right, and the answer is complete with every default, or it throws `CONFIG_INVALID` with every problem at once
 * (`details.problems`: file, line, column, path, message).
 */
export const parseConfiguration = (text: string, options: ParseOptions): Configuration => {
  const document = readDocument(text, options.file);
  if (document.data === undefined) throw invalid(options.file, document.problems);
  const result = fileSchema(options.kinds ?? ["libvirt"]).safeParse(document.data, { reportInput: true });
  const findings = [
    ...(result.success ? [] : result.error.issues.flatMap((issue) => ofIssue(issue))),
    ...checkSecrets(document.data),
    ...checkReferences(document.data),
    ...checkPolicies(document.data),
  ];
  const problems = [
    ...document.problems,
    ...findings.map(({ path, message, at }) => document.problem(path, message, at)),
  ];
  if (!result.success || problems.length > 0) throw invalid(options.file, problems);
  return complete(result.data);
};

const ofIssue = (issue: z.core.$ZodIssue): readonly Finding[] => {
  const path = issue.path.filter((part) => typeof part !== "symbol");
  if (issue.code === "unrecognized_keys") {
    // One line of the message for each key (`fields.ts`).
    const lines = issue.message.split("\n");
    return issue.keys.map((key, index) => ({
      path: [...path, key],
      at: "key",
      message: lines[index] ?? issue.message,
    }));
  }
  return [{ path, message: issue.message }];
};

const invalid = (file: string, problems: readonly ConfigurationProblem[]): Fault => {
  const unique = new Map(problems.map((problem) => [problemText(problem), problem]));
  const sorted = [...unique.values()].sort((left, right) => left.line - right.line || left.column - right.column);
  const count = sorted.length === 1 ? "1 problem" : `${String(sorted.length)} problems`;
  const lines = sorted.map((problem) => `  ${problemText(problem)}`);
  return new Fault(
    "CONFIG_INVALID",
    `The configuration ${file} has ${count}; nothing of it was applied.\n${lines.join("\n")}`,
    {
      details: { problems: sorted },
    },
  );
};

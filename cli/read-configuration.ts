import type { CliContext } from "./context.ts";
import { parseConfiguration } from "#config/parse-configuration.ts";
import type { Configuration } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "you may not read it",
  EISDIR: "it is a folder",
};

/** The user's YAML, read and checked. */
export const readConfiguration = async (context: CliContext, file: string): Promise<Configuration> => {
  let text: string;
  try {
    text = await context.readFile(file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new Fault("INVALID_INPUT", `The configuration ${file} cannot be read: ${reasons[code] ?? String(error)}.`, {
      cause: error,
    });
  }
  return parseConfiguration(text, { file });
};

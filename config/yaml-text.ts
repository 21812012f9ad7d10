import { stringify } from "yaml";

/** A value as YAML in one line: `[ mon, tue ]`, `{ site: paris }`, `15s`. */
export const yamlLine = (value: unknown): string =>
  stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trimEnd().replaceAll(/\n\s*/gu, " ");

/** The same in as many lines as people give it. */
export const yamlLines = (value: unknown): readonly string[] =>
  stringify(value, { lineWidth: 0 }).trimEnd().split("\n");

import { writtenChange } from "#config/written.ts";
import { yamlLine, yamlLines } from "#config/yaml-text.ts";
import type { ConfigurationChange } from "#domain/configuration-change.ts";

/** What is longer is told in lines of its own. */
const lineLength = 60;

const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null;
const isShort = (value: unknown): boolean =>
  isScalar(value) || (Array.isArray(value) && yamlLine(value).length <= lineLength);

const block = (mark: string, value: unknown): readonly string[] =>
  yamlLines(value).map((line) => `${mark}     ${line}`);

const linesOf = ({ kind, path, before, after }: ConfigurationChange): readonly string[] => {
  if (kind === "changed")
    return isShort(before) && isShort(after)
      ? [`~ ${path}: ${yamlLine(before)} -> ${yamlLine(after)}`]
      : [`~ ${path}:`, ...block("-", before), ...block("+", after)];
  const [mark, value] = kind === "added" ? ["+", after] : ["-", before];
  return isShort(value) ? [`${mark} ${path}: ${yamlLine(value)}`] : [`${mark} ${path}:`, ...block(mark, value)];
};

/** Each change in the file's own words, as YAML, and below it what it will do. */
export const changesText = (changes: readonly ConfigurationChange[]): string =>
  changes
    .flatMap((change) => [
      ...linesOf(writtenChange(change)),
      ...(change.consequence === undefined ? [] : [`    ${change.consequence}`]),
    ])
    .map((line) => `${line}\n`)
    .join("");

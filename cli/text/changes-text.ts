import type { ConfigurationChange } from "#domain/configuration-change.ts";

const value = (of: unknown): string => {
  const text = JSON.stringify(of) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
};

/** One line for each change, and below it what it will do. */
export const changesText = (changes: readonly ConfigurationChange[]): string =>
  changes
    .map(({ kind, path, before, after, consequence }) => {
      const line =
        kind === "added"
          ? `+ ${path}: ${value(after)}`
          : kind === "removed"
            ? `- ${path}: ${value(before)}`
            : `~ ${path}: ${value(before)} -> ${value(after)}`;
      return `${line}\n${consequence === undefined ? "" : `    ${consequence}\n`}`;
    })
    .join("");

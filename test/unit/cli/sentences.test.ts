import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { faultTable } from "#domain/fault-table.ts";

const root = join(import.meta.dirname, "../../..");
const folders = ["cli", "client", "config", "domain"];

const sources = async (): Promise<readonly { readonly file: string; readonly text: string }[]> => {
  const names = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(join(root, folder), { recursive: true })).map((name) => join(folder, name)),
    ),
  );
  const files = names.flat().filter((name) => name.endsWith(".ts"));
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(join(root, file), "utf8") })));
};

describe("what people are told", () => {
  test("about every fault is made of sentences", () => {
    const told = Object.values(faultTable).flatMap(({ summary, causes, action }) => [summary, ...causes, action]);
    expect(told.filter((sentence) => !/^(?:[A-Z`]|libvirtd ).*\.$/su.test(sentence))).toEqual([]);
  });

  test("never runs somebody else's message, which has no full stop, into a sentence of ours", async () => {
    // A Fault's own message is a sentence.
    const joins = (await sources()).flatMap(({ file, text }) =>
      [...text.matchAll(/\$\{(?<said>[^{}]*(?:message|details|String\(\w+\)))\} [A-Z]\w+/gu)]
        .filter(({ groups }) => !/[fF]ault|^asSentence/u.test(groups?.["said"] ?? ""))
        .map(([join]) => `${file}: ${join}`),
    );
    expect(joins).toEqual([]);
  });
});

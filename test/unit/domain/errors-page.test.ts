import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { errorsPage } from "../../../docs/errors-page.ts";
import { faultCodes } from "#domain/fault-codes.ts";

test("docs/errors.md is what the fault table says (node docs/errors-page.ts makes it anew)", async () => {
  expect(await readFile(new URL("../../../docs/errors.md", import.meta.url), "utf8")).toBe(errorsPage());
});

test("the page has an anchor for every code", () => {
  for (const code of faultCodes) expect(errorsPage()).toContain(`\n## ${code}\n`);
});

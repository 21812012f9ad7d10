import { execa } from "execa";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { siteTls } from "#test/support/stream-sites.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";

const main = join(import.meta.dirname, "../../../workers/site-main.ts");

const started = async (...args: readonly string[]) => {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [main, ...args], { reject: false });
  return { exitCode, stdout, stderr };
};

/** A folder with one site's certificate and, maybe, another's key. */
async function pkiFolder(folder: string, of: { readonly certificate: string; readonly key: string }): Promise<void> {
  const { certificate, authority } = await siteTls(of.certificate);
  const { key } = await siteTls(of.key);
  await writeFile(join(folder, "certificate.pem"), certificate);
  await writeFile(join(folder, "key.pem"), key);
  await writeFile(join(folder, "trust.pem"), authority);
}

test.each([
  ["another site's certificate", { certificate: "east", key: "east" }, "is for site east, but --site says west."],
  ["a key of another pair", { certificate: "west", key: "east" }, "cannot be used ("],
])("a site's worker with %s ends with the sentence of the command line and its exit code", async (_, of, sentence) => {
  using dir = temporaryDir();
  await pkiFolder(dir.path, of);
  const { exitCode, stdout, stderr } = await started("--site", "west", "--pki", dir.path);
  expect(stderr).toMatch(/^understudy: INVALID_INPUT: The certificate [^\n]+\n {2}What to do: [^\n]+$/);
  expect(stderr).toContain(sentence);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
});

test("a site's worker whose certificate cannot be read ends in the same way", async () => {
  const { exitCode, stderr } = await started("--site", "west", "--pki", main);
  expect(stderr).toMatch(/^understudy: INVALID_INPUT: The certificate in \S+ cannot be read \(ENOTDIR[^\n]+\n[^\n]+$/);
  expect(exitCode).toBe(2);
});

test("a site's worker with arguments that it does not have says how it is started", async () => {
  const { exitCode, stderr } = await started("--stie", "west");
  expect(stderr).toContain("Usage: node workers/site-main.ts --site NAME --pki FOLDER [--listen ADDRESS]\n");
  expect(exitCode).toBe(2);
});

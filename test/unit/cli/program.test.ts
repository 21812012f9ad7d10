import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { doubleClient } from "./double-client.ts";
import { run, world } from "./run-in-double.ts";
import { buildProgram } from "#cli/program.ts";

const program = buildProgram({
  context: {
    terminal: { out: () => undefined, err: () => undefined, live: { out: false, err: false }, columns: 80 },
    connect: async () => doubleClient().client,
    readFile: async () => "",
    now: () => 0,
    sleep: async () => undefined,
    interrupted: new AbortController().signal,
    user: "ada",
    runScript: async () => 0,
  },
  exit: () => undefined,
  tell: () => undefined,
});
const leaves = (command: Command): readonly Command[] =>
  command.commands.every(isHidden) ? [command] : command.commands.flatMap(leaves);
/** Only the shells call it. */
const isHidden = (command: Command): boolean => command.name() === "words";
const path = (command: Command): string =>
  command.parent === null ? "" : `${path(command.parent)} ${command.name()}`.trim();

describe("help", () => {
  const documented = leaves(program).filter((command) => command.name() !== "lab");

  test.each(documented.map((command) => [path(command)]))("of %s has examples", async (line) => {
    const { code, out } = await run(`${line} --help`);
    expect(out).toMatch(/\nExamples:\n {2}\$ \S/u);
    expect(code).toBe(0);
  });

  test.each(
    documented
      .filter((command) => !["completion", "worker"].includes(command.name()))
      .map((command) => [path(command)]),
  )("of %s offers --json", async (line) => {
    expect((await run(`${line} --help`)).out).toContain("--json");
  });

  test("without a command is shown, and is wrong use", async () => {
    const { code, err } = await run("");
    expect(code).toBe(2);
    expect(err).toContain("Fail over:\n  failover [options] <item>");
  });

  test("of a group without its command names them", async () => {
    const { code, err } = await run("pki");
    expect(code).toBe(2);
    expect(err).toContain("rotate [options] [name]");
    expect(err).toContain("INVALID_INPUT: understudy pki needs one of its commands (above).");
  });

  test("every command is described in docs/cli.md", async () => {
    const text = await readFile(new URL("../../../docs/cli.md", import.meta.url), "utf8");
    for (const command of leaves(program)) expect(text).toContain(`understudy ${path(command)}`);
  });
});

describe("lab", () => {
  test("is run with its own arguments, options included, and its exit code", async () => {
    const asked: unknown[] = [];
    const scripts = async (...given: readonly [string, readonly string[]]): Promise<number> => {
      asked.push(given);
      return 3;
    };
    expect((await run("lab fault link-down paris1 --id demo --json", { scripts })).code).toBe(3);
    await run("lab up --help", { scripts });
    await run("lab", { scripts });
    expect(asked).toEqual([
      ["lab/cli.ts", ["fault", "link-down", "paris1", "--id", "demo", "--json"]],
      ["lab/cli.ts", ["up", "--help"]],
      ["lab/cli.ts", ["--help"]],
    ]);
  });
});

describe("worker", () => {
  test.each([
    ["worker", "Say which worker: --site NAME or --orchestrator, one of them."],
    ["worker --site paris --orchestrator", "Say which worker: --site NAME or --orchestrator, one of them."],
    ["worker --site Paris", "Paris is no name for a site"],
    [
      "worker --site paris --pki /nowhere",
      "The file /nowhere/certificate.pem (the site's certificate) does not exist; copy the site's folder",
    ],
  ])("understudy %s is refused", async (line, message) => {
    const { code, err } = await run(line);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });
});

describe("pki", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "understudy-pki-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test("makes an authority and a site, shows them and refuses to overwrite", async () => {
    const command = world();
    expect((await command(`pki init --dir ${folder}`)).out).toContain(`Next: understudy pki site NAME --dir ${folder}`);
    expect((await command(`pki site paris --dir ${folder} --days 90`)).out).toBe(
      `Made ${folder}/sites/paris. Copy this folder to the worker of paris, and nowhere else.\n`,
    );
    const shown = JSON.parse((await command(`pki show --dir ${folder} --json`)).out) as {
      certificates: readonly { name: string }[];
    };
    expect(shown.certificates.map(({ name }) => name)).toEqual(["authority", "paris"]);
    expect((await command(`pki show --dir ${folder}`)).out).toMatch(
      /^NAME +STATE +EXPIRES +DAYS +ISSUER +FINGERPRINT\nauthority +valid .+\nparis +valid +\S+ +\d+ +present +[0-9A-F:]{23}\n$/u,
    );
    expect(await command(`pki site paris --dir ${folder}`)).toMatchObject({ code: 2, out: "" });
    expect((await command(`pki rotate pris --dir ${folder}`)).err).toContain(
      "does not exist; did you mean paris? Otherwise make it first: understudy pki site pris",
    );
    expect((await command(`pki rotate paris --dir ${folder}`)).out).toContain(
      "the certificate before works until it expires",
    );
    expect((await command(`pki rotate --authority --dir ${folder}`)).out).toContain("in this order");
    expect((await command(`pki retire --dir ${folder}`)).err).toContain("still signs for paris");
  });

  test("of two sites mixed up is refused when the worker starts, before anything is loaded", async () => {
    const command = world();
    await command(`pki init --dir ${folder}`);
    for (const site of ["paris", "lyon"]) await command(`pki site ${site} --dir ${folder}`);
    await copyFile(join(folder, "sites/lyon/key.pem"), join(folder, "sites/paris/key.pem"));
    const { code, err } = await command(`worker --site paris --pki ${folder}/sites/paris`);
    expect(err).toContain(`The certificate and key in ${folder}/sites/paris cannot be used (`);
    expect(err).toContain("Copy the site's whole folder again");
    expect(code).toBe(2);
  });

  test("of another site is refused when the worker starts: it would do one site's work in the other's name", async () => {
    const command = world();
    await command(`pki init --dir ${folder}`);
    for (const site of ["paris", "lyon"]) await command(`pki site ${site} --dir ${folder}`);
    const { code, err } = await command(`worker --site lyon --pki ${folder}/sites/paris`);
    expect(err).toContain(
      `The certificate ${folder}/sites/paris/certificate.pem is for site paris, but --site says lyon. Give lyon's own folder with --pki FOLDER`,
    );
    expect(code).toBe(2);
  });

  test.each([
    ["pki rotate", "Name the site to renew, or give --authority; one of them."],
    ["pki site paris --days soon", "--days must be a whole number of days; it is soon."],
    ["pki show --dir /nowhere", "make an authority first: understudy pki init --dir /nowhere"],
  ])("understudy %s is refused", async (line, message) => {
    const { code, err } = await run(line);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });
});

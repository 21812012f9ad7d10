import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { run, world, type WorldOptions } from "./run-in-double.ts";
import { Fault } from "#domain/fault.ts";

const offered = async (line: string, options: WorldOptions = {}): Promise<readonly string[]> => {
  const { out, code } = await run(["completion", "words", "--", ...line.split(" ")], options);
  expect(code).toBe(0);
  return out.split("\n").filter((word) => word !== "");
};

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO17PxLt+DjAaSaZ2jmnQ71vys6uj8VGIgESr+2bFjUl";
const configuration = `version: 1
sites:
  paris: { stream: { address: 10.0.0.1 }, hosts: { kvm1: { kind: libvirt, address: 10.0.0.1, hostKey: "${hostKey}" } } }
  lyon: { stream: { address: 10.0.0.2 }, hosts: { kvm1: { kind: libvirt, address: 10.0.0.2, hostKey: "${hostKey}" } } }
policies: { nightly: { retention: 2d } }
items:
  app1: { primary: { site: paris }, secondary: { site: lyon } }
  db1: { primary: { site: paris }, secondary: { site: lyon } }
`;

describe("what is offered at the cursor", () => {
  test.each([
    ["re", ["resync", "resume", "reprotect"]],
    ["pki ro", ["rotate"]],
    ["pki rotate --a", ["--authority"]],
    ["job ", ["cancel", "help"]],
    ["failover app1 --un", ["--unplanned"]],
    ["failover --un", ["--unplanned"]],
    ["commit app1 ", ["--json", "--no-wait", "--help"]],
    ["commit app1 --json ", ["--no-wait", "--help"]],
    ["failover app1 --point latest-", ["latest-processed", "latest-crash-consistent", "latest-app-consistent"]],
    ["failover app1 --point = latest-a", ["latest-app-consistent"]],
    ["jobs --state F", ["Failed"]],
    ["completion ", ["bash", "zsh", "fish"]],
    ["apply -f ", []],
    ["worker --pki ", []],
    ["nonsense --foo ", []],
  ])("of `understudy %s`", async (line, words) => {
    expect(await offered(line)).toEqual(words);
  });

  test("are items, policies and jobs, where one belongs, also behind an option", async () => {
    const command = world({ files: { "site.yaml": configuration } });
    await command("apply -f site.yaml");
    await command("pause app1 --no-wait");
    const words = async (line: string) => (await command(["completion", "words", "--", ...line.split(" ")])).out;
    expect(await words("failover ")).toBe("app1\ndb1\n");
    expect(await words("status --watch d")).toBe("db1\n");
    expect(await words("jobs --item a")).toBe("app1\n");
    expect(await words("set-policy app1 ")).toBe("default\nnightly\n");
    expect(await words("job cancel ")).toBe("app1-PauseReplication-1\n");
  });

  test("is nothing where nobody answers, and the shell shows no error", async () => {
    const { out, code } = await run(["completion", "words", "--", "jobs", ""], {
      faults: { jobs: new Fault("TEMPORAL_UNREACHABLE", "Temporal does not answer.") },
    });
    expect(out).toBe("");
    expect(code).toBe(6);
  });
});

describe("the script", () => {
  test("completes in a real bash with the real command line", async () => {
    const root = join(import.meta.dirname, "../../..");
    const understudy = `understudy() { "${process.execPath}" "${join(root, "cli/main.ts")}" "$@"; }`;
    const complete = async (...words: readonly string[]): Promise<readonly string[]> => {
      const script = `${understudy}\nsource <(understudy completion bash)\nCOMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _understudy; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout } = await promisify(execFile)("bash", ["-c", script, "bash", "understudy", ...words]);
      return stdout.trim().split("\n");
    };
    expect(await complete("failo")).toEqual(["failover"]);
    expect(await complete("failover", "app1", "--un")).toEqual(["--unplanned"]);
  }, 60_000);

  test("is there for each shell, and no other", async () => {
    for (const shell of ["bash", "zsh", "fish"])
      expect((await run(`completion ${shell}`)).out).toContain("understudy completion words --");
    expect((await run("completion ksh")).err).toContain("Allowed choices are bash, zsh, fish. See:");
  });
});

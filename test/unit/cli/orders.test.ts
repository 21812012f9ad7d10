import { describe, expect, test } from "vitest";
import { run, world } from "./run-in-double.ts";
import { Fault } from "#domain/fault.ts";
import { newLifecycle, type Lifecycle } from "#domain/lifecycle.ts";

const at = (state: Lifecycle["state"], more: Partial<Lifecycle> = {}): Lifecycle => ({
  ...newLifecycle,
  hasRecoveryPoint: true,
  state,
  ...more,
});
const pending = (failoverKind: "planned" | "unplanned") => at("commit-pending", { failoverKind });

describe("every verb starts its operation", () => {
  test.each([
    ["protect app1", newLifecycle, "EnableProtection", {}],
    [
      "protect app1 --copy vda=/srv/a=b.qcow2 --copy vdb=/srv/b.raw",
      newLifecycle,
      "EnableProtection",
      { copies: { vda: "/srv/a=b.qcow2", vdb: "/srv/b.raw" } },
    ],
    ["failover app1 --planned", at("protected"), "PlannedFailover", {}],
    ["failover app1 --planned --force", at("protected"), "PlannedFailover", { force: true }],
    [
      "failover app1 --unplanned --yes",
      at("protected"),
      "UnplannedFailover",
      { point: { kind: "latest" }, shutDownSource: false },
    ],
    [
      "failover app1 --unplanned --yes --point latest-app-consistent --shutdown-source",
      at("protected"),
      "UnplannedFailover",
      { point: { kind: "latest-app-consistent" }, shutDownSource: true },
    ],
    [
      "failover app1 --test --point c2 --network br9",
      at("protected"),
      "TestFailover",
      { point: { kind: "custom", pointId: "c2" }, network: "br9" },
    ],
    ["cleanup app1", at("protected", { testFailover: "waiting-for-cleanup" }), "TestFailoverCleanup", {}],
    ["commit app1", pending("unplanned"), "Commit", {}],
    [
      "change-point app1 --point latest-crash-consistent",
      pending("unplanned"),
      "ChangePit",
      { point: { kind: "latest-crash-consistent" } },
    ],
    ["cancel app1", pending("planned"), "CancelFailover", {}],
    ["reprotect app1", at("failed-over"), "ReverseReplicate", {}],
    ["failback app1", at("protected", { direction: "reverse" }), "Failback", {}],
    ["resync app1", at("resynchronization-required"), "RepairReplication", {}],
    ["pause app1", at("protected"), "PauseReplication", {}],
    ["resume app1", at("paused"), "ResumeReplication", {}],
    ["set-policy app1 nightly", at("protected"), "UpdatePolicy", { policy: "nightly" }],
    ["disable app1 --yes", at("protected"), "DisableProtection", {}],
    ["disable app1 --force --yes", at("protected"), "DisableProtection", { force: true }],
  ] as const)("understudy %s", async (line, lifecycle, operation, input) => {
    const { code, asked } = await run(line, { lifecycle });
    expect(asked.started).toEqual([{ operation, input: { item: "app1", requestedBy: "ada", ...input } }]);
    expect(code).toBe(0);
    expect(asked.closed).toBe(1);
  });
});

describe("waiting", () => {
  test("tells each change in a line where nobody watches, then the outcome and what to do next", async () => {
    const { out, err } = await run("failover app1 --planned", {
      end: { result: { machineName: "app1", bytesSent: 5_347_738, information: ["The source was turned off."] } },
    });
    expect(err).toBe(
      [
        "Planned failover of app1 (job app1-PlannedFailover-1)",
        ...[
          "Prerequisites check for planned failover",
          "Shut down the virtual machine",
          "Preparing for failover",
          "Start failover",
        ].flatMap((task) => [`${task}: started (512 B of 2 KiB (25%))`, `${task}: done`]),
        "Start the replica virtual machine: started (512 B of 2 KiB (25%))",
        "Start the replica virtual machine: done",
        "",
      ].join("\n"),
    );
    expect(out).toBe(
      "Planned failover of app1 succeeded after 5 s: machine app1, 5.1 MiB sent.\n  note: The source was turned off.\nNext: understudy commit app1, or understudy cancel app1 to go back\n",
    );
  });

  test("redraws a block at a terminal", async () => {
    const { err } = await run("pause app1", { live: true });
    expect(err).toBe(
      [
        "\u001b[2KPause replication of app1 (job app1-PauseReplication-1)\n\u001b[2K  > Pause replication  512 B of 2 KiB (25%), 10 s\n",
        "\u001b[2A\u001b[2KPause replication of app1 (job app1-PauseReplication-1)\n\u001b[2K  + Pause replication  1 s\n",
      ].join(""),
    );
  });

  test("--json prints the ended job alone", async () => {
    const { out, err } = await run("pause app1 --json");
    expect(JSON.parse(out)).toMatchObject({ id: "app1-PauseReplication-1", state: "Succeeded" });
    expect(err).toBe("");
  });

  test("--no-wait prints the job's id and how to watch it", async () => {
    expect(await run("pause app1 --no-wait")).toMatchObject({
      code: 0,
      out: "The job app1-PauseReplication-1 is started. Watch it: understudy jobs app1-PauseReplication-1 --watch\n",
    });
    expect((await run("pause app1 --no-wait --json")).out).toBe('{"id":"app1-PauseReplication-1"}\n');
  });

  test("Ctrl-C leaves the job going on, and says how to watch and cancel it", async () => {
    const interruption = new AbortController();
    setTimeout(() => interruption.abort(), 5);
    const { code, out, err } = await run("pause app1", { endless: true, interrupted: interruption.signal });
    expect(code).toBe(130);
    expect(out).toBe("");
    expect(err).toMatch(
      /The job goes on\. Watch it: understudy jobs app1-PauseReplication-1 --watch\. Cancel it: understudy job cancel app1-PauseReplication-1\.\n$/u,
    );
  });
});

describe("what to do next", () => {
  const after = async (line: string, lifecycle: Lifecycle): Promise<string | undefined> =>
    /^Next: (.+)$/mu.exec((await run(line, { lifecycle })).out)?.[1];

  test.each([
    ["protect app1", newLifecycle, "understudy status app1 --watch"],
    ["failover app1 --test", at("protected"), "understudy cleanup app1 when you have tried the machine"],
    [
      "failover app1 --unplanned --yes",
      at("protected"),
      "understudy commit app1, or understudy change-point app1 --point POINT",
    ],
    ["commit app1", pending("unplanned"), "understudy reprotect app1"],
    ["cleanup app1", at("protected", { testFailover: "waiting-for-cleanup" }), undefined],
    [
      "cleanup app1",
      at("commit-pending", { failoverKind: "unplanned", testFailover: "waiting-for-cleanup" }),
      "understudy commit app1",
    ],
  ])("after %s is what the item allows then", async (line, lifecycle, next) => {
    expect(await after(line, lifecycle)).toBe(next);
  });

  test("is to clean up first where the machine of a test failover stands in the way", async () => {
    const lifecycle = at("protected", { testFailover: "waiting-for-cleanup" });
    expect(await after("failover app1 --unplanned --yes", lifecycle)).toBe(
      "understudy cleanup app1, then understudy commit app1, or understudy change-point app1 --point POINT",
    );
  });

  test("is left out where the item cannot be asked: the job has succeeded all the same", async () => {
    const away = new Fault("TEMPORAL_UNREACHABLE", "Temporal cannot be reached.");
    const { code, out } = await run("pause app1", { faults: { item: away } });
    expect({ code, next: out.includes("Next:") }).toEqual({ code: 0, next: false });
  });
});

describe("a job that fails", () => {
  const fault = {
    code: "SHUTDOWN_TIMED_OUT" as const,
    message: "The guest did not shut down within 60 s.",
    causes: ["The guest ignores the power button."],
    action: "Start the failover with --force.",
  };

  test("is told by its fault, with the fault's exit code", async () => {
    const { code, out, err } = await run("failover app1 --planned", { end: { state: "Failed", fault } });
    expect(code).toBe(7);
    expect(out).toBe("");
    expect(err).toMatch(
      /understudy: SHUTDOWN_TIMED_OUT: The guest did not shut down within 60 s\.\n {2}What to do: Start the failover with --force\.\n$/u,
    );
  });

  test("is the job itself with --json", async () => {
    const { code, out, err } = await run("failover app1 --planned --json", { end: { state: "Failed", fault } });
    expect(code).toBe(7);
    expect(JSON.parse(out)).toMatchObject({ state: "Failed", fault });
    expect(err).toBe("");
  });

  test("by being cancelled has an exit code of its own", async () => {
    expect((await run("pause app1", { end: { state: "Cancelled" } })).code).toBe(9);
  });
});

describe("what is refused", () => {
  test.each([
    [
      "commit app1",
      4,
      "OPERATION_NOT_ALLOWED: Commit is not allowed while the machine is protected. Allowed now: Planned failover, Unplanned failover,",
    ],
    ["protect ap1", 3, "ITEM_NOT_FOUND: There is no item ap1 (did you mean app1?)."],
    ["failover app1", 2, "INVALID_INPUT: Say which failover: exactly one of --planned"],
    [
      "failover app1 --planned --test",
      2,
      "INVALID_INPUT: Say which failover: exactly one of --planned (no loss, the source is shut down), --unplanned (the source may be gone) or --test (a copy in an isolated network); --planned and --test were given.",
    ],
    [
      "failover app1 --planned --point latest",
      2,
      "INVALID_INPUT: --point has no meaning for a planned failover, only for --unplanned and --test.",
    ],
    [
      "failover app1 --test --shutdown-source",
      2,
      "INVALID_INPUT: --shutdown-source has no meaning for a test failover, only for --unplanned.",
    ],
    [
      "failover app1 --test --point latest-ap-consistent",
      2,
      "INVALID_INPUT: There is no kind of recovery point called latest-ap-consistent (did you mean latest-app-consistent?)",
    ],
    [
      "failover app1 --unplanned",
      2,
      "INVALID_INPUT: An unplanned failover of app1 loses what was written after the recovery point (latest), and fences the source. Nobody can be asked here (no terminal): add --yes to go on.",
    ],
    [
      "disable app1",
      2,
      "INVALID_INPUT: Disabling the protection of app1 deletes its replica and every recovery point.",
    ],
    [
      "disable app1 --force",
      2,
      "INVALID_INPUT: Disabling the protection of app1 deletes its replica and every recovery point. The machine itself runs on. What cannot be reached is left behind, and nothing of ours removes it later. Nobody can be asked here",
    ],
    [
      "change-point app1",
      2,
      "INVALID_INPUT: Required option '--point <point>' not specified. See: understudy change-point --help",
    ],
    ["protect", 2, "INVALID_INPUT: Missing required argument 'item'. See: understudy protect --help"],
    ["protect app1 app2", 2, "INVALID_INPUT: Too many arguments for 'protect'."],
    ["protec app1", 2, "INVALID_INPUT: Unknown command 'protec' (Did you mean protect?). See: understudy --help"],
    [
      "pause app1 --jsn",
      2,
      "INVALID_INPUT: Unknown option '--jsn' (Did you mean --json?). See: understudy pause --help",
    ],
  ])("understudy %s exits %i", async (line, code, message) => {
    const ran = await run(line);
    expect(ran.err).toContain(`understudy: ${message}`);
    expect(ran.err).toMatch(/\n {2}What to do: [A-Z].+\.\n$/u);
    expect(ran).toMatchObject({ code, out: "" });
    expect(ran.asked.started).toEqual([]);
  });

  test("is one object with --json", async () => {
    const { code, err } = await run("commit app1 --json");
    expect(JSON.parse(err)).toMatchObject({ error: { code: "OPERATION_NOT_ALLOWED", exitCode: 4 } });
    expect(code).toBe(4);
  });

  test("a second order while one runs is refused by the first one's name", async () => {
    const lifecycle = at("protected", { job: { id: "app1-1", operation: "PauseReplication" } });
    const { code, err } = await run("failover app1 --planned", { lifecycle });
    expect(code).toBe(4);
    expect(err).toContain(
      "JOB_RUNNING: Planned failover cannot start while the job app1-1 (Pause replication) is running.",
    );
  });

  test("an unreachable Temporal exits 6, a defect exits 1 with its stack", async () => {
    const away = new Fault("TEMPORAL_UNREACHABLE", "Temporal cannot be reached at localhost:7233.");
    expect((await run("pause app1", { faults: { start: away } })).code).toBe(6);
    const defect = await run("pause app1", { faults: { start: new TypeError("x is not a function") } });
    expect(defect.code).toBe(1);
    expect(defect.err).toMatch(/^understudy: INTERNAL: TypeError: x is not a function\n {4}at /u);
  });
});

describe("before what cannot be taken back", () => {
  test.each(["", "n", "no", "yeah"])("the answer %j leaves everything as it is", async (answers) => {
    const { code, err, asked } = await run("disable app1", { answers });
    expect(code).toBe(9);
    expect(err).toBe(
      "Disabling the protection of app1 deletes its replica and every recovery point. The machine itself runs on. Go on? [y/N] Nothing was done.\n",
    );
    expect(asked.started).toEqual([]);
  });

  test.each(["y", "YES "])("the answer %j goes on", async (answers) => {
    const { code, asked } = await run("failover app1 --unplanned", { answers });
    expect(code).toBe(0);
    expect(asked.started).toHaveLength(1);
  });
});

describe("job cancel", () => {
  test("asks for the end, waits for it, and a cancelled job is what was wanted", async () => {
    const command = world({ end: { state: "Cancelled" } });
    await command("pause app1 --no-wait");
    const { code, out, asked } = await command("job cancel app1-PauseReplication-1");
    expect(asked.cancelled).toEqual(["app1-PauseReplication-1"]);
    expect(out).toBe("Pause replication of app1 was cancelled after 1 s.\n");
    expect(code).toBe(0);
  });

  test("of a job that has ended is refused: there is nothing to cancel", async () => {
    const command = world();
    await command("pause app1");
    const { code, err, out, asked } = await command("job cancel app1-PauseReplication-1");
    expect(err).toContain("OPERATION_NOT_ALLOWED: The job “app1-PauseReplication-1” has ended already");
    expect({ code, out, cancelled: asked.cancelled }).toEqual({ code: 4, out: "", cancelled: [] });
  });

  test("of a job that ends by itself meanwhile says so, and is no success", async () => {
    const command = world();
    await command("pause app1 --no-wait");
    const { code, err } = await command("job cancel app1-PauseReplication-1");
    expect(err).toContain("The job app1-PauseReplication-1 came to its end (Succeeded) before it could be stopped.");
    expect(code).toBe(4);
  });

  test.each([
    ["taken-back", "No worker had taken the job app1-PauseReplication-1 up: it was taken back, and nothing was done."],
    [
      "terminated",
      "The job app1-PauseReplication-1 had just begun: it was terminated, and the item puts in order what it did.",
    ],
  ] as const)("of a job that is %s by it has nothing to wait for, and is done", async (cancellation, sentence) => {
    const command = world({ cancellation, faults: { watch: new Error("there is no job to watch") } });
    await command("pause app1 --no-wait");
    const line = "job cancel app1-PauseReplication-1";
    expect(await command(line)).toMatchObject({ code: 0, out: `${sentence}\n`, err: "" });
    const { out } = await command(`${line} --json`);
    expect(JSON.parse(out)).toEqual({ id: "app1-PauseReplication-1", cancellation });
  });

  test("of a job that is not there exits 3", async () => {
    expect(await run("job cancel nothing")).toMatchObject({ code: 3 });
  });
});

test.each([
  ["--copy vda", "give a disk and the absolute path"],
  ["--copy vda=vda.qcow2", "give a disk and the absolute path"],
  ["--copy =/srv/vda.qcow2", "give a disk and the absolute path"],
  ["--copy vda=/srv/a --copy vda=/srv/b", "names disk vda twice: /srv/a and /srv/b"],
])("protect app1 %s is refused before anything is asked", async (options, sentence) => {
  const { code, asked, err } = await run(`protect app1 ${options}`, { lifecycle: newLifecycle });
  expect(err).toContain(sentence);
  expect(asked.started).toEqual([]);
  expect(code).not.toBe(0);
});

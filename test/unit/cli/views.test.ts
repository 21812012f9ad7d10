import { describe, expect, test } from "vitest";
import { run, world } from "./run-in-double.ts";
import { newLifecycle } from "#domain/lifecycle.ts";
import { cutId, diskId, itemName, siteName } from "#domain/ids.ts";

describe("status", () => {
  test("shows the items in a table", async () => {
    const { code, out } = await run("status");
    expect(out).toBe(
      [
        "ITEM  STATE      HEALTH  ACTIVE SITE  RPO  POLICY      JOB",
        "app1  protected  Normal  paris        4 s  continuous  -",
        "",
      ].join("\n"),
    );
    expect(code).toBe(0);
  });

  test("shows one item in full, with what may be done now", async () => {
    const { out } = await run("status app1", {
      lifecycle: { ...newLifecycle, state: "paused", hasRecoveryPoint: true },
    });
    expect(out).toBe(
      [
        "Item           app1",
        "State          paused",
        "Health         Normal",
        "Active site    paris (primary paris, secondary lyon)",
        "Policy         continuous",
        "RPO            4 s, newest point of 2026-11-20T11:59:56.000Z",
        "Test failover  none was ever finished",
        "Epoch          1",
        "Last delta     3.2 MiB in 420 ms, 1 MiB on the wire",
        "",
        "Allowed now:",
        "  understudy failover app1 --unplanned",
        "  understudy failover app1 --test",
        "  understudy resume app1",
        "  understudy set-policy app1 POLICY",
        "  understudy disable app1",
        "",
      ].join("\n"),
    );
  });

  test.each([
    ["failed-over", "failed-over: committed, and not replicated; the old primary's disks have other content"],
    [
      "failed-over-protected",
      "failed-over-protected: committed, and not replicated; the old primary holds its last point",
    ],
  ] as const)("says what %s means, and that the RPO grows", async (state, told) => {
    const { out } = await run("status app1", { lifecycle: { ...newLifecycle, state } });
    expect(out).toContain(`State          ${told}\n`);
    expect(out).toContain(
      "RPO            4 s and growing, since the machine began with the point of 2026-11-20T11:59:56.000Z\n",
    );
  });

  test("says which pass over the disks runs and why, and no size of what has yet to be found", async () => {
    const disk = (name: string, state: "Queued" | "InProgress", bytesDone: number) =>
      ({ disk: diskId(name), state, bytesDone, bytesTotal: 1_048_576 }) as const;
    const disks = [disk("vda", "InProgress", 524_288), disk("vdb", "Queued", 0)];
    const pass = "pass 2: the cut broke and is taken anew";
    const { out } = await run("status app1", { view: { progress: { phase: "copying", pass, disks } } });
    expect(out).toContain(
      [
        `Replication    copying, ${pass}`,
        "  vda          InProgress, 512 KiB of 1 MiB (50%)",
        "  vdb          Queued",
        "",
      ].join("\n"),
    );
  });

  test("--json prints what the client answers", async () => {
    expect(JSON.parse((await run("status --json")).out)).toMatchObject([{ item: "app1", rpoSeconds: 4 }]);
    expect(JSON.parse((await run("status app1 --json")).out)).toMatchObject({ item: "app1" });
  });

  test("--watch prints again only what has changed, until Ctrl-C", async () => {
    const interruption = new AbortController();
    let looks = 0;
    const { code, out } = await run("status --watch", {
      interrupted: interruption.signal,
      sleep: async () => {
        looks += 1;
        if (looks === 3) interruption.abort();
      },
    });
    expect(code).toBe(0);
    expect(looks).toBe(3);
    expect(out.match(/ITEM/gu)).toHaveLength(1);
  });

  test("--watch redraws in place at a terminal, but never JSON", async () => {
    const watched = async (line: string): Promise<string> => {
      const interruption = new AbortController();
      let rpoSeconds = 0;
      const { out } = await run(line, {
        interrupted: interruption.signal,
        live: true,
        rpoSeconds: () => (rpoSeconds += 1),
        sleep: async () => {
          if (rpoSeconds === 2) interruption.abort();
        },
      });
      return out;
    };
    const line = (rpo: string): string => `app1  protected  Normal  paris        ${rpo}  continuous  -\n`;
    const head = "ITEM  STATE      HEALTH  ACTIVE SITE  RPO  POLICY      JOB\n";
    expect(await watched("status --watch")).toBe(`${head}${line("1 s")}\u001b[2A\u001b[0J${head}${line("2 s")}`);
    expect((await watched("status --watch --json")).trim().split("\n")).toHaveLength(2);
  });

  test("of an item that is not there exits 3", async () => {
    expect(await run("status app2")).toMatchObject({ code: 3, out: "" });
  });
});

describe("points", () => {
  test("are listed with the newest first", async () => {
    expect((await run("points app1")).out).toBe(
      [
        "At lyon:",
        "POINT  TAKEN AT                  AGE          CONSISTENCY       KIND    DELTA  EPOCH",
        "c3     2026-11-20T11:59:56.000Z  14 s         crash-consistent  latest  2 GiB  1",
        "c2     2026-11-20T11:54:58.000Z  5 min 12 s   crash-consistent  kept    2 MiB  1",
        "c1     2026-11-20T11:50:00.000Z  10 min 10 s  app-consistent    kept    2 KiB  1",
        "",
      ].join("\n"),
    );
  });

  test("at the site where the machine runs are said not to cover its loss", async () => {
    const { out } = await run("points app1", {
      lifecycle: { ...newLifecycle, state: "failed-over-protected" },
      view: { activeSite: siteName("lyon") },
    });
    expect(out).toMatch(/^At lyon:\nPOINT /u);
    expect(out).toContain(
      "\nThe machine runs at lyon, too: these points do not outlast that site. Begin to replicate from there: understudy reprotect app1\n",
    );
    const pending = await run("points app1", {
      lifecycle: { ...newLifecycle, state: "commit-pending" },
      view: { activeSite: siteName("lyon") },
    });
    expect(pending.out).toContain("Begin to replicate from there once the failover is committed: ");
  });

  test("come in the same order with --json", async () => {
    const points = JSON.parse((await run("points app1 --json")).out) as readonly { id: string }[];
    expect(points.map(({ id }) => id)).toEqual(["c3", "c2", "c1"]);
  });
});

describe("verify", () => {
  test("says that a point is whole", async () => {
    expect(await run("verify app1 --point c2")).toMatchObject({
      code: 0,
      out: "The recovery point c2 of app1 is whole: 512 blocks match their digests.\n",
    });
  });

  test("exits 8 when blocks differ, with the figures also in JSON", async () => {
    const verification = { point: cutId("c3"), blocks: 512, mismatched: 2 };
    const text = await run("verify app1", { verification });
    expect(text.code).toBe(8);
    expect(text.err).toContain(
      "DIGEST_MISMATCH: 2 of 512 blocks of the recovery point c3 of app1 are not what was sealed.",
    );
    const json = await run("verify app1 --json", { verification });
    expect(json.code).toBe(8);
    expect(JSON.parse(json.out)).toEqual(verification);
  });
});

describe("jobs", () => {
  test("are listed, filtered, and shown with their tasks", async () => {
    const command = world();
    await command("pause app1 --no-wait");
    expect((await command("jobs")).out).toBe(
      [
        "JOB                      ITEM  SCENARIO           STATE       STARTED AT                TOOK",
        "app1-PauseReplication-1  app1  Pause replication  InProgress  2026-11-20T12:00:00.000Z  10 s",
        "",
      ].join("\n"),
    );
    expect((await command("jobs --state Failed")).out).toBe("There is no such job.\n");
    expect((await command("jobs app1-PauseReplication-1")).out).toBe(
      "Pause replication of app1 (job app1-PauseReplication-1)\n    Pause replication\nPause replication of app1 has been running for 10 s.\n",
    );
    expect(JSON.parse((await command("jobs --json")).out)).toHaveLength(1);
  });

  test("--watch follows one to its end", async () => {
    const command = world();
    await command("pause app1 --no-wait");
    const { code, err, out } = await command("jobs app1-PauseReplication-1 --watch");
    expect(err).toContain("Pause replication: done\n");
    expect(out).toBe("Pause replication of app1 succeeded after 1 s.\nNext: understudy resume app1\n");
    expect(code).toBe(0);
  });

  test.each([
    [
      "jobs --state Broken",
      "Option '--state <state>' argument 'Broken' is invalid. Allowed choices are InProgress, Succeeded,",
    ],
    ["jobs --limit many", "--limit must be a whole number from 1 to 1000; it is many."],
  ])("understudy %s is refused", async (line, message) => {
    const { code, err } = await run(line);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });
});

const configuration = `version: 1
sites:
  paris: { stream: { address: 10.0.0.1 }, hosts: { kvm1: { kind: libvirt, address: 10.0.0.1, hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO17PxLt+DjAaSaZ2jmnQ71vys6uj8VGIgESr+2bFjUl" } } }
  lyon: { stream: { address: 10.0.0.2 }, hosts: { kvm1: { kind: libvirt, address: 10.0.0.2, hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO17PxLt+DjAaSaZ2jmnQ71vys6uj8VGIgESr+2bFjUl" } } }
items:
  app1: { primary: { site: paris }, secondary: { site: lyon } }
`;
const files = {
  "site.yaml": configuration,
  "longer.yaml": `${configuration}policies: { default: { retention: 2d } }\n`,
  "empty.yaml": configuration.slice(0, configuration.indexOf("items:")),
  "bad.yaml": configuration.replace("site: lyon", "site: lyno"),
};

describe("apply and diff", () => {
  test("apply tells what it did, and a second time that nothing differs", async () => {
    const command = world({ files });
    expect((await command("apply -f site.yaml")).out).toMatch(
      /^\+ sites\.paris:\n\+ {5}stream:\n.+\nApplied: 3 changes\.\n$/su,
    );
    expect((await command("apply -f site.yaml")).out).toBe("Nothing differs from what is applied.\n");
  });

  test("diff and apply --diff show the same, and apply nothing", async () => {
    const command = world({ files });
    await command("apply -f site.yaml");
    const change =
      "~ policies.default.retention: 1d -> 2d\n    Takes effect with the next delta of every item under the policy default.\nNothing was applied.\n";
    expect((await command("diff -f longer.yaml")).out).toBe(change);
    expect((await command("apply -f longer.yaml --diff")).out).toBe(change);
    expect(JSON.parse((await command("diff -f longer.yaml --json")).out)).toMatchObject([
      { path: "policies.default.retention", before: "1d", after: "2d" },
    ]);
    expect((await command("diff -f site.yaml --json")).out).toBe("[]\n");
  });

  test("diff says what apply would refuse, and why, with the same exit code", async () => {
    const command = world({ files, protectedItems: [{ name: itemName("app1"), disks: [] }] });
    await command("apply -f site.yaml");
    const { code, out, err } = await command("diff -f empty.yaml");
    expect(out).toContain("- items.app1:\n-     machine: app1\n-     primary:\n-       site: paris\n");
    expect(err).toContain(
      "CONFIG_INVALID: Applying empty.yaml would be refused. items.app1 is protected and cannot be taken out: disable its protection first (understudy disable app1).",
    );
    expect(code).toBe(2);
    expect((await command("apply -f empty.yaml --diff")).code).toBe(2);
    const json = await command("diff -f empty.yaml --json");
    expect(JSON.parse(json.out)).toMatchObject([{ kind: "removed", path: "items.app1" }]);
    expect(JSON.parse(json.err)).toMatchObject({ error: { code: "CONFIG_INVALID", exitCode: 2 } });
  });

  test("a bad file is refused with every problem at its place, before anything is asked of anybody", async () => {
    const { code, err, asked } = await run("apply -f bad.yaml", { files });
    expect(code).toBe(2);
    expect(err).toContain(
      'bad.yaml:6:56: items.app1.secondary.site names the site "lyno", which is not defined (did you mean lyon?); there are: paris, lyon',
    );
    expect(asked).toEqual({ started: [], cancelled: [], closed: 0 });
  });

  test("a file that is not there is said to be so", async () => {
    expect((await run("apply -f nothing.yaml")).err).toContain(
      "The configuration nothing.yaml cannot be read: there is no such file.",
    );
    expect((await run("apply")).err).toContain("Required option '-f, --file <file>' not specified");
  });
});

import { describe, expect, it } from "vitest";
import { cutId, failoverId, machineId, replicaId } from "#domain/ids.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { newItem } from "#workflows/job/enlist.ts";
import { failoverRequest, networksOf } from "#workflows/job/failover-request.ts";
import { jobInput } from "#workflows/job/input.ts";
import { mappedNetworks } from "#workflows/job/network-checks.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { taskList } from "#workflows/job/task-list.ts";
import { undoList } from "#workflows/job/undo-list.ts";
import { app, configuration } from "#test/unit/workflows/examples.ts";

const fresh = newItem(configuration, app);
const item: ItemState = {
  ...fresh,
  epoch: 3,
  sides: {
    primary: { ...fresh.sides.primary, machine: { id: machineId("m"), name: "web" } },
    secondary: { ...fresh.sides.secondary, replica: replicaId("r") },
  },
};
const wish = { failover: failoverId("f"), point: cutId("c") };

describe("what a target is asked for", () => {
  it("maps networks forward, and by the same mapping on the way back", () => {
    expect(networksOf(item)).toEqual({ lan: "recovery" });
    const back = { ...item, lifecycle: { ...item.lifecycle, direction: "reverse" as const } };
    expect(networksOf(back)).toEqual({ recovery: "lan" });
  });

  it("has the recorded epoch and the machine's own name", () => {
    expect(failoverRequest(item, { ...wish, kind: "planned" })).toMatchObject({
      epoch: 3,
      machineName: "web",
      isolated: false,
      networks: { lan: "recovery" },
    });
  });

  it("isolates a test machine unless a network is named for it", () => {
    expect(failoverRequest(item, { ...wish, kind: "test" })).toMatchObject({ machineName: "web-Test", isolated: true });
    expect(failoverRequest(item, { ...wish, kind: "test", network: "lab" })).toMatchObject({
      isolated: false,
      onlyNetwork: "lab",
      networks: {},
    });
  });

  it("leaves no adapter of a test in the production's network because that is not mapped", () => {
    const unmapped = { ...item, networkMappings: [] };
    expect(failoverRequest(unmapped, { ...wish, kind: "test", network: "lab" })).toMatchObject({ onlyNetwork: "lab" });
    expect(failoverRequest(unmapped, { ...wish, kind: "planned" })).not.toHaveProperty("onlyNetwork");
  });
});

describe("a job's input", () => {
  it("is accepted as a person types it", () => {
    expect(jobInput("Commit", { item: "app1" })).toEqual({ item: "app1" });
    const point = { kind: "custom", pointId: "c7" };
    expect(jobInput("UnplannedFailover", { item: "app1", point, shutDownSource: true })).toMatchObject({ point });
  });

  it.each([
    [undefined, /one JSON object/],
    [["app1"], /one JSON object/],
    [{}, /“item”/],
    [{ item: "" }, /“item”/],
    [{ item: "app1", pont: {} }, /does not know “pont” \(did you mean point\?\)/],
    [{ item: "app1", shutDownSource: "yes" }, /“shutDownSource” must be a boolean, but is "yes"/],
    [{ item: "app1", point: { kind: "newest" } }, /kinds: latest, latest-processed/],
    [{ item: "app1", point: { kind: "custom" } }, /needs its id/],
  ])("is refused with what is expected: %j", (input, message) => {
    expect(() => jobInput("UnplannedFailover", input)).toThrow(
      expect.objectContaining({ type: "INVALID_INPUT", message: expect.stringMatching(message) }),
    );
  });

  it("has what its operation takes and nothing else, and a refusal lists just that", () => {
    expect(() => jobInput("Commit", { itemm: "app1" })).toThrow(
      "Commit does not know “itemm” (did you mean item?). It knows: item, requestedBy.",
    );
    expect(() => jobInput("Commit", { item: "app1", force: true })).toThrow(
      "Commit does not know “force”. It knows: item, requestedBy.",
    );
    expect(() => jobInput("PlannedFailover", { item: "app1", network: "lan" })).toThrow(
      "It knows: item, requestedBy, force.",
    );
    expect(jobInput("TestFailover", { item: "app1", network: "lab", requestedBy: "anna" })).toHaveProperty("network");
    for (const operation of ["PlannedFailover", "Failback", "DisableProtection"] as const)
      expect(jobInput(operation, { item: "app1", force: true })).toHaveProperty("force");
  });

  it("must say the point that it changes to", () => {
    expect(() => jobInput("ChangePit", { item: "app1" })).toThrow(/needs the point/);
    const copies = { vda: "/srv/carried/vda.qcow2" };
    expect(jobInput("EnableProtection", { item: "app1", copies })).toMatchObject({ copies });
    expect(() => jobInput("Commit", { item: "app1", copies })).toThrow(/does not know “copies”/);
    for (const wrong of [{}, [], "vda", { vda: "vda.qcow2" }, { vda: 1 }])
      expect(() => jobInput("EnableProtection", { item: "app1", copies: wrong })).toThrow(/by its absolute path, like/);
  });
});

describe("prerequisites", () => {
  const notes: string[] = [];
  const told: string[] = [];
  const job = { note: (detail: string) => void notes.push(detail), inform: (said: string) => void told.push(said) };

  it("are all asked, and all that failed are told at once, also of a side that could not be asked", async () => {
    const failed = {
      name: "vda",
      passed: false,
      code: "DISK_NOT_TRACKABLE",
      detail: "It is raw.",
      action: "Convert it.",
    } as const;
    const asked = prerequisites(job, {
      paris: async () => [failed, { name: "agent", passed: true, detail: "answers" }],
      lyon: () => Promise.reject(new Error("gone")),
    });
    await expect(asked).rejects.toMatchObject({
      code: "PREREQUISITES_FAILED",
      message: expect.stringMatching(/^2 of 3/),
    });
    await expect(asked).rejects.toThrow(/paris, vda: It is raw\. Convert it\.[^]*lyon, can be asked: gone/);
    expect(notes).toEqual(["1 of 3 checks passed"]);
    expect(told).toEqual([]);
  });

  it("that passed with a warning are told with the job's result", async () => {
    await prerequisites(job, {
      paris: async () => [
        { name: "TPM", passed: true, detail: "Its state is not replicated.", warning: true },
        { name: "agent", passed: true, detail: "answers" },
      ],
    });
    expect(told).toEqual(["paris, TPM: Its state is not replicated."]);
  });

  it("name the network that was probably meant", () => {
    expect(mappedNetworks(["recovry", "recovery"], ["recovery"])).toMatchObject([
      { passed: false, code: "NETWORK_NOT_FOUND", action: expect.stringContaining("did you mean recovery?") },
      { passed: true },
    ]);
  });
});

describe("a job's tasks", () => {
  it("are all shown from the start, and undoing shows behind them", () => {
    const list = taskList(["a", "b"]);
    list.begin("a");
    list.detail("a", "half");
    list.end("a", "Failed");
    list.begin("Undo: a");
    expect(list.tasks).toMatchObject([
      { name: "a", state: "Failed", detail: "half" },
      { name: "b", state: "NotStarted" },
      { name: "Undo: a", state: "InProgress" },
    ]);
  });

  it("are undone last first, each, whatever happens to the others", async () => {
    const undos = undoList();
    const done: string[] = [];
    for (const name of ["first", "second", "third"]) {
      undos.add(name, async () => {
        if (name === "second") throw new Error("no");
        done.push(name);
      });
    }
    expect(await undos.run((_name, undo) => undo())).toHaveLength(1);
    expect(done).toEqual(["third", "first"]);
    undos.clear();
    expect(await undos.run(() => Promise.reject(new Error("nothing is left")))).toEqual([]);
  });
});

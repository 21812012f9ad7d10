import { Worker } from "@temporalio/worker";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { quietTemporal } from "#test/support/quiet-temporal.ts";
import * as workflows from "#workflows/index.ts";
import { workflowBundle } from "#workers/workflow-bundle.ts";

const folder = join(import.meta.dirname, "histories");
const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
const text = (name: string): string => readFileSync(join(folder, name), "utf8");

describe("a workflow that an earlier version has begun", () => {
  const outcomes = new Map<string, Error | undefined>();
  beforeAll(async () => {
    quietTemporal();
    const { codePath } = await workflowBundle();
    const histories = [...names.map((name) => [name, text(name)] as const), ["changed", changed()] as const];
    // One worker for all of them: to make one takes ten times as long as to replay.
    const replayed = Worker.runReplayHistories(
      { workflowBundle: { codePath } },
      histories.map(([workflowId, history]) => ({ workflowId, history: JSON.parse(history) as unknown })),
    );
    for await (const { workflowId, error } of replayed) outcomes.set(workflowId, error);
  });
  const changed = (): string => text("commit.json").replaceAll('"commitFailover"', '"failOver"');

  it.each(names)("goes on as it was: %s", (name) => {
    expect(outcomes.has(name)).toBe(true);
    expect(outcomes.get(name)).toBeUndefined();
  });

  it("is noticed when it would go another way", () => {
    expect(outcomes.get("changed")?.message).toMatch(/[Nn]ondeterminism/);
  });

  it("has a recorded history for every workflow type", () => {
    const recorded = new Set(names.map((name) => /"workflowType":\s*\{\s*"name":\s*"(\w+)"/.exec(text(name))?.[1]));
    // What is called so takes up the types that there are not.
    const types = Object.keys(workflows).filter((name) => name !== "default");
    expect([...recorded].toSorted()).toEqual(types.toSorted());
  });
});

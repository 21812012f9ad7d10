import { DefaultLogger, makeTelemetryFilterString, Runtime, Worker } from "@temporalio/worker";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import * as workflows from "#workflows/index.ts";
import { type WorkflowBundle, workflowBundle } from "#workers/workflow-bundle.ts";

const folder = join(import.meta.dirname, "histories");
const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
const text = (name: string): string => readFileSync(join(folder, name), "utf8");

describe("a workflow that an earlier version has begun", () => {
  let bundle: WorkflowBundle;
  beforeAll(async () => {
    Runtime.install({
      logger: new DefaultLogger("ERROR"),
      telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: "ERROR", other: "ERROR" }) } },
    });
    bundle = await workflowBundle();
  });
  const replay = (history: string, name: string): Promise<void> =>
    Worker.runReplayHistory({ workflowBundle: { codePath: bundle.codePath } }, JSON.parse(history), name);

  it.each(names)("goes on as it was: %s", async (name) => {
    await replay(text(name), name);
  });

  it("is noticed when it would go another way", async () => {
    const changed = text("commit.json").replaceAll('"commitFailover"', '"failOver"');
    await expect(replay(changed, "changed")).rejects.toThrow(/[Nn]ondeterminism/);
  });

  it("has a recorded history for every workflow type", () => {
    const recorded = new Set(names.map((name) => /"workflowType":\s*\{\s*"name":\s*"(\w+)"/.exec(text(name))?.[1]));
    expect([...recorded].toSorted()).toEqual(Object.keys(workflows).toSorted());
  });
});

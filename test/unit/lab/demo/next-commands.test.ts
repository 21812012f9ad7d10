import { expect, test } from "vitest";
import { run } from "#test/unit/cli/run-in-double.ts";
import { nextCommands } from "#lab/demo/next-commands.ts";

const lines = nextCommands({
  item: "app1",
  home: "paris",
  temporalAddress: "10.78.0.1:7233",
  lab: "d7ddae",
  look: ["./bin/understudy lab status --id d7ddae"],
});

test("a kept demo shows the whole way home, in its order", () => {
  const way = lines.slice(lines.findIndex((line) => line.startsWith("# paris is still dead")) + 1);
  expect(way.map((line) => line.replace(/ *#.*$/u, ""))).toEqual([
    "./bin/understudy lab revive paris --id d7ddae",
    "./bin/understudy reprotect app1",
    "./bin/understudy failback app1",
    "./bin/understudy commit app1",
    "./bin/understudy reprotect app1",
    "",
    "npm run demo -- --down",
  ]);
  expect(lines[0]).toBe("export TEMPORAL_ADDRESS=10.78.0.1:7233");
});

test("each of its commands is one that the command line knows", async () => {
  const commands = lines.filter((line) => line.startsWith("./bin/understudy "));
  expect(commands.length).toBeGreaterThan(8);
  for (const command of commands) {
    const { err } = await run(command.replace("./bin/understudy ", "").replace(/ *#.*$/u, ""));
    expect(err).not.toContain("INVALID_INPUT");
  }
});

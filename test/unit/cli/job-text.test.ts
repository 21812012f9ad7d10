import { expect, test } from "vitest";
import { outcomeText } from "#cli/text/job-text.ts";
import { instant, itemName } from "#domain/ids.ts";

test.each([
  [31_457_280, "30 MiB sent"],
  [0, "nothing had changed until then"],
])("a reverse replication that sent %i bytes says so, and not that nothing follows", (bytesSent, said) => {
  const job = {
    id: "job/app1/ReverseReplicate/1",
    item: itemName("app1"),
    operation: "ReverseReplicate",
    scenario: "Reverse replication",
    state: "Succeeded",
    tasks: [],
    startedAt: instant(0),
    endedAt: instant(3_000),
    result: { bytesSent },
  } as const;
  expect(outcomeText(job, 9_000)).toBe(`Reverse replication of app1 succeeded after 3 s: ${said}.\n`);
});

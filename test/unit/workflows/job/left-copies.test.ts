import { expect, test } from "vitest";
import { hostName, replicaId } from "#domain/ids.ts";
import { newItem } from "#workflows/job/enlist.ts";
import { withLeftCopies } from "#workflows/job/left-copies.ts";
import { app, configuration } from "#test/unit/workflows/examples.ts";

const { primary, secondary } = newItem(configuration, app).sides;

test("a protection that begins takes over what earlier ones have left at its places, the oldest first, and nothing of elsewhere", () => {
  const [first, second, other] = ["r1", "r2", "r3"].map((id) => replicaId(id));
  const before = {
    primary: { ...primary, host: hostName("elsewhere"), replica: other ?? null },
    secondary: { ...secondary, retired: first === undefined ? [] : [first], replica: second ?? null },
  };
  const begun = withLeftCopies({ primary, secondary }, before);
  expect(begun.secondary).toMatchObject({ retired: ["r1", "r2"], replica: null });
  expect(begun.primary.retired).toEqual([]);
  expect(withLeftCopies({ primary: secondary, secondary: primary }, before).primary.retired).toEqual(["r1", "r2"]);
});

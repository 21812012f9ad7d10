import { describe, expect, it } from "vitest";
import { hostName, instant, itemName } from "#domain/ids.ts";
import { newReplicaId } from "#workflows/names.ts";

describe("a replica's id", () => {
  it("is of one item on one host only, whatever hyphens their names have", () => {
    const of = (item: string, host: string) => newReplicaId({ item: itemName(item), host: hostName(host), epoch: 1 });
    expect(of("app", "db-lyon")).not.toBe(of("app-db", "lyon"));
  });

  it("sets the copies of a protection apart from those of an earlier one, whose epochs began at 1 as well", () => {
    const began = (at: number) =>
      newReplicaId({ item: itemName("app1"), host: hostName("lyon1"), epoch: 1, since: instant(at) });
    expect(began(Date.UTC(2026, 10, 21, 19, 2, 39, 123))).toBe("app1.lyon1.1.20261121T190239123Z");
    expect(began(0)).not.toBe(began(1));
  });
});

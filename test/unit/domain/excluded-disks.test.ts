import { expect, test } from "vitest";
import { chooseDisks } from "#domain/excluded-disks.ts";
import { diskId } from "#domain/ids.ts";

const choose = (disks: readonly string[], excluded: readonly string[]) =>
  chooseDisks({ name: "app1", disks: disks.map(diskId), excluded: excluded.map(diskId) });

test("What is not excluded is replicated", () => {
  expect(choose(["vda", "vdb"], ["vdb"])).toEqual({ replicated: ["vda"] });
});

test("A name that the machine does not have is told with those that it has, and the rest is heeded", () => {
  expect(choose(["vda", "vdb"], ["vdz", "vdb"])).toEqual({
    replicated: ["vda"],
    problem: "excludeDisks names vdz, which app1 does not have. Its disks: vda, vdb.",
  });
});

test("Nothing left to replicate is a problem, whether all is excluded or there is nothing", () => {
  expect(choose(["vda"], ["vda"]).problem).toMatch(/every disk of app1.*Its disks: vda\./);
  expect(choose([], []).problem).toMatch(/has no disk.*none/);
});

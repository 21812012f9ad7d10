import { appendFile } from "node:fs/promises";
import path from "node:path";

import { describe, expect, it } from "vitest";

import { tail } from "#lab/oracle/tail.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";

describe("tail", () => {
  it("answers each whole line once, also when it was written in two parts", async () => {
    using folder = temporaryDir();
    const file = path.join(folder.path, "acks");
    const followed = tail(file);
    expect(await followed.read()).toEqual([]);
    await appendFile(file, "one\ntw");
    expect(await followed.read()).toEqual(["one"]);
    expect(await followed.read()).toEqual([]);
    await appendFile(file, "o\nthree\n");
    expect(await followed.read()).toEqual(["two", "three"]);
  });
});

import { describe, expect, it } from "vitest";
import { judgeTpm } from "#platforms/libvirt/source/checks.ts";

describe("a machine's TPM", () => {
  it("hinders nothing, and what it means is said as a warning", () => {
    expect(judgeTpm({ name: "shop", tpm: true })).toMatchObject([
      { name: "TPM", passed: true, warning: true, detail: expect.stringContaining("not replicated") as string },
    ]);
  });

  it("that it has not is not spoken of", () => {
    expect(judgeTpm({ name: "shop", tpm: false })).toEqual([]);
  });
});

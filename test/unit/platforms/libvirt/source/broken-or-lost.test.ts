import { describe, expect, it } from "vitest";
import type { FaultCode } from "#domain/fault-codes.ts";
import { Fault } from "#domain/fault.ts";
import type { BlockSource } from "#transfer/block.ts";
import { tellBrokenFromLost } from "#platforms/libvirt/source/broken-or-lost.ts";

const { signal } = new AbortController();

/** A disk that fails as told, and counts how often it was opened and closed. */
const disk = (fails: FaultCode | undefined): BlockSource & { closed: boolean } => ({
  sizeBytes: 1 << 20,
  closed: false,
  // oxlint-disable-next-line require-yield
  async *extents() {
    await Promise.resolve();
    if (fails !== undefined) throw new Fault(fails, "as told");
  },
  async read() {
    await Promise.resolve();
    if (fails !== undefined) throw new Fault(fails, "as told");
  },
  async [Symbol.asyncDispose]() {
    await Promise.resolve();
    this.closed = true;
  },
});

const reading = (source: BlockSource) => source.read(0, new Uint8Array(65_536), signal);
const mapping = async (source: BlockSource) => {
  for await (const _ of source.extents({ signal }));
};

describe("a cut's disk whose connection was closed", () => {
  it("says that the cut is broken when a new connection says so, after one question for all reads", async () => {
    let opened = 0;
    const again = disk("CUT_BROKEN");
    const source = tellBrokenFromLost(disk("CONNECTION_LOST"), async () => {
      opened += 1;
      return await Promise.resolve(again);
    });
    const failures = await Promise.allSettled([reading(source), reading(source), mapping(source)]);
    expect(failures.map((each) => each.status === "rejected" && (each.reason as Fault).code)).toEqual(
      Array(3).fill("CUT_BROKEN"),
    );
    expect(opened).toBe(1);
    expect(again.closed).toBe(true);
  });

  it.each([
    ["reads again", async () => await Promise.resolve(disk(undefined))],
    ["is lost again", () => Promise.reject(new Fault("CONNECTION_LOST", "as told"))],
  ])("says that the connection was lost when a new one %s", async (_, reopen) => {
    await expect(reading(tellBrokenFromLost(disk("CONNECTION_LOST"), reopen))).rejects.toMatchObject({
      code: "CONNECTION_LOST",
    });
  });

  it("asks nothing about another fault", async () => {
    const source = tellBrokenFromLost(disk("NBD_FAILED"), () => Promise.reject(new Error("asked")));
    await expect(reading(source)).rejects.toMatchObject({ code: "NBD_FAILED" });
  });
});

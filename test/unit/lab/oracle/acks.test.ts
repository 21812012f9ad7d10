import { describe, expect, it } from "vitest";

import { measureLoss, parseAcks } from "#lab/oracle/acks.ts";

describe("parseAcks", () => {
  it("reads whole lines and leaves out one that was cut off", () => {
    expect(parseAcks("ACK 1 1000 7\nACK 2 2000 7\nACK 3 30")).toEqual([
      { seq: 1, ns: 1000n, boot: 7n },
      { seq: 2, ns: 2000n, boot: 7n },
    ]);
  });
});

describe("measureLoss", () => {
  const newest = { seq: 120, ns: 12_000_000_000n, boot: 7n };

  it("counts the acknowledged records that are missing, and the time they took", () => {
    expect(measureLoss(newest, { head: 100, headNs: 10_000_000_000n })).toEqual({ records: 20, milliseconds: 2000 });
  });

  it("is nothing when all came back, or more than was acknowledged", () => {
    expect(measureLoss(newest, { head: 120, headNs: newest.ns })).toEqual({ records: 0, milliseconds: 0 });
    expect(measureLoss(newest, { head: 121, headNs: newest.ns + 5n })).toEqual({ records: 0, milliseconds: 0 });
    expect(measureLoss(undefined, { head: 0, headNs: 0n })).toEqual({ records: 0, milliseconds: 0 });
  });
});

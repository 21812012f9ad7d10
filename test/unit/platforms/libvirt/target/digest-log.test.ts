import { describe, expect, it } from "vitest";
import { createDigestTable, digestHeader, digestOf, recordDigests } from "#platforms/libvirt/target/digest-log.ts";
import { blockBytes } from "#transfer/block.ts";

const block = (fill: number, length = blockBytes): Buffer => Buffer.alloc(length, fill);

describe("a layer's digests", () => {
  it("are told block by block, the later record before the earlier", () => {
    const recorder = recordDigests();
    recorder.data(2 * blockBytes, Buffer.concat([block(1), block(2)]));
    recorder.zero(10 * blockBytes, 3 * blockBytes);
    recorder.data(3 * blockBytes, block(3));
    recorder.data(11 * blockBytes, block(4, 512));
    const table = createDigestTable();
    table.apply(Buffer.concat([digestHeader(), recorder.take()]), "x");
    expect([1, 2, 3, 10, 11, 12, 13].map((at) => table.known(at))).toEqual([
      undefined,
      digestOf(block(1)),
      digestOf(block(3)),
      "zero",
      digestOf(block(4, 512)),
      "zero",
      undefined,
    ]);
  });

  it("of an upper layer are laid over those of a lower one", () => {
    const table = createDigestTable();
    for (const fill of [1, 2]) {
      const recorder = recordDigests();
      recorder.data((fill - 1) * blockBytes, Buffer.concat([block(fill), block(fill)]));
      table.apply(Buffer.concat([digestHeader(), recorder.take()]), "x");
    }
    expect([0, 1, 2].map((at) => table.known(at))).toEqual([
      digestOf(block(1)),
      digestOf(block(2)),
      digestOf(block(2)),
    ]);
  });

  it("say the same once, when a log that says them often is written anew", () => {
    const recorder = recordDigests();
    for (const fill of [1, 2, 3]) recorder.data(blockBytes, Buffer.concat([block(fill), block(fill + 1)]));
    recorder.zero(5 * blockBytes, 2 * blockBytes);
    const table = createDigestTable();
    table.apply(Buffer.concat([digestHeader(), recorder.take()]), "x");
    const anew = table.serialize(8);
    expect(anew).toHaveLength(16 + 16 + 2 * 16 + 16);
    const again = createDigestTable();
    again.apply(anew, "x");
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((at) => again.known(at))).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((at) => table.known(at)),
    );
    expect(again.known(2)).toEqual(digestOf(block(4)));
  });

  it("are BLAKE3, as its test vectors have it", () => {
    expect(digestOf(Buffer.alloc(0)).toString("hex")).toBe("af1349b9f5f9a1a6a0404dea36dcc949");
  });

  it.each([
    ["another header", Buffer.alloc(16), "x is not a digest file of format 1"],
    ["a record cut short", Buffer.concat([digestHeader(), Buffer.alloc(7)]), "x is damaged at byte 16"],
    [
      "a record of an unknown kind",
      Buffer.concat([digestHeader(), Buffer.alloc(12), Buffer.from([9, 0, 0, 0])]),
      "x is damaged at byte 16",
    ],
    [
      "digests cut short",
      Buffer.concat([digestHeader(), Buffer.from("000000000000000001000000" + "00000000" + "ff", "hex")]),
      "x is damaged at byte 16",
    ],
  ])("are refused with %s", (_, log, sentence) => {
    expect(() => {
      createDigestTable().apply(log, "x");
    }).toThrow(sentence);
  });

  it("hold nothing where there is no file", () => {
    const table = createDigestTable();
    table.apply(Buffer.alloc(0), "x");
    expect(table.known(0)).toBeUndefined();
  });
});

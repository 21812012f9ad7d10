import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { blockBytes } from "#transfer/block.ts";

/** Overwrites a part (0 to 1) of a file's blocks, evenly spread. */
export async function spoil(path: string, part: number): Promise<void> {
  await using file = await open(path, "r+");
  const blocks = (await file.stat()).size / blockBytes;
  for (let block = 0; block < blocks; block += 1 / part) {
    await file.write(randomBytes(blockBytes), 0, blockBytes, Math.floor(block) * blockBytes);
  }
}

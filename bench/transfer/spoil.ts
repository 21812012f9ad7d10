import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";

/** Overwrites a part of a file's 64 KiB blocks, evenly spread: `spoil.ts FILE PART`. */
const [path = "", part = ""] = process.argv.slice(2);
const blockBytes = 65_536;
const file = await open(path, "r+");
const blocks = (await file.stat()).size / blockBytes;
const step = 1 / Number(part);
for (let block = 0; block < blocks; block += step)
  await file.write(randomBytes(blockBytes), 0, blockBytes, Math.floor(block) * blockBytes);
await file.close();

import { existsSync } from "node:fs";
import { open } from "node:fs/promises";

/** Follows a text file that others append to. */
export interface Tail {
  /** The whole lines that came since the last call. A file that is not there yet has none. */
  read(): Promise<readonly string[]>;
}

export const tail = (file: string): Tail => {
  let position = 0;
  let rest = "";
  return {
    read: async () => {
      if (!existsSync(file)) return [];
      await using handle = await open(file);
      const { size } = await handle.stat();
      if (size <= position) return [];
      const buffer = Buffer.alloc(size - position);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      position += bytesRead;
      const lines = (rest + buffer.toString("utf8", 0, bytesRead)).split("\n");
      rest = lines.pop() ?? "";
      return lines;
    },
  };
};

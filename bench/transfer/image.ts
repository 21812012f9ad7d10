import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { cacheFolder } from "#lab/bootstrap/cache-folder.ts";

export const imageBytes = 2 * 1024 ** 3;
/** The prototype's image, which the goals come from, was as full. */
const contentBytes = 1_080_000_000;
const folders = ["/usr/lib/x86_64-linux-gnu", "/usr/bin", "/usr/include", "/usr/lib", "/usr/share"] as const;

/** A half-full 2 GiB ext4 image of this system's own programs and libraries, made once and kept in the user's cache. */
export async function halfFullImage(say: (sentence: string) => void): Promise<string> {
  const image = cacheFolder("bench", "half-full-2g.img");
  if (existsSync(image)) return image;
  say("Making a half-full 2 GiB file system of this system's own folders (once) …");
  mkdirSync(dirname(image), { recursive: true });
  const stage = `${image}.stage`;
  rmSync(stage, { recursive: true, force: true });
  try {
    let left = contentBytes;
    for (const folder of folders) left = copyUpTo(folder, { to: join(stage, folder), bytes: left });
    const draft = `${image}.new`;
    rmSync(draft, { force: true });
    await execa("truncate", ["-s", `${imageBytes}`, draft]);
    await execa("mke2fs", ["-q", "-F", "-t", "ext4", "-d", stage, draft]);
    renameSync(draft, image);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return image;
}

/** Copies regular files of a folder until so many bytes are taken; answers how many are left. */
function copyUpTo(folder: string, options: { readonly to: string; readonly bytes: number }): number {
  let left = options.bytes;
  mkdirSync(options.to, { recursive: true });
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (left <= 0) return 0;
    const [from, to] = [join(folder, entry.name), join(options.to, entry.name)];
    if (entry.isDirectory()) left = copyUpTo(from, { to, bytes: left });
    else if (entry.isFile() && !existsSync(to)) {
      const { size } = statSync(from);
      if (size > left) continue;
      cpSync(from, to);
      left -= size;
    }
  }
  return left;
}

import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

type TemporaryDir = Disposable & { readonly path: string };

/** A folder of its own that is gone after `using`. */
export const temporaryDir = (): TemporaryDir => dirIn(tmpdir());

/** The same, in memory where the system has room there: for what is written again and again, and nothing big. */
export const memoryDir = (): TemporaryDir => dirIn(hasRoom(memory) ? memory : tmpdir());

const memory = "/dev/shm";
const roomBytes = 1024 ** 3;

function hasRoom(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize >= roomBytes;
  } catch {
    // There is no such file system everywhere.
    return false;
  }
}

function dirIn(parent: string): TemporaryDir {
  const path = mkdtempSync(join(parent, "understudy-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

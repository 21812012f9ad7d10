import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Makes or empties a file; its content then reads as zeroes up to `bytes`. */
export function createSparse(path: string, bytes: number): void {
  mkdirSync(dirname(path), { recursive: true });
  withFile(path, "w", (file) => ftruncateSync(file, bytes));
}

/** What lies behind the file's end, and a file that is not there, read as zeroes. */
export function readSparse(path: string, offset: number, into: Uint8Array): void {
  into.fill(0);
  if (!existsSync(path)) return;
  withFile(path, "r", (file) => {
    for (let done = 0; done < into.length;) {
      const count = readSync(file, into, done, into.length - done, offset + done);
      if (count === 0) return;
      done += count;
    }
  });
}

export function writeSparse(path: string, offset: number, data: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  withFile(path, existsSync(path) ? "r+" : "w+", (file) => {
    for (let done = 0; done < data.length;) done += writeSync(file, data, done, data.length - done, offset + done);
  });
}

/** Gives the file that size; a new tail reads as zeroes. */
export function resizeSparse(path: string, bytes: number): void {
  withFile(path, existsSync(path) ? "r+" : "w+", (file) => ftruncateSync(file, bytes));
}

function withFile(path: string, flags: string, work: (file: number) => void): void {
  const file = openSync(path, flags);
  try {
    work(file);
  } finally {
    closeSync(file);
  }
}

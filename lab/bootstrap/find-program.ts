import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The path of a program on PATH, as a shell would find it; undefined when there is none. */
export const findProgram = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isExecutable);

export const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

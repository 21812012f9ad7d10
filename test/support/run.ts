import { execFileSync } from "node:child_process";

/** A program's output; a failure says what it said. */
export const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, [...args], { encoding: "utf8", stdio: "pipe" });

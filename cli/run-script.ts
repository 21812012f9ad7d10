import { join } from "node:path";
import { execa } from "execa";

/**
 * Runs another program of this checkout in this process's place: its terminal, its signals (Ctrl-C reaches both; SIGTERM is passed on), its exit code.
 */
export const runScript = async (path: string, args: readonly string[]): Promise<number> => {
  const child = execa(process.execPath, [join(import.meta.dirname, "..", path), ...args], {
    stdio: "inherit",
    reject: false,
  });
  const stay = (): void => undefined;
  const passOn = (): void => {
    child.kill("SIGTERM");
  };
  process.on("SIGINT", stay);
  process.on("SIGTERM", passOn);
  try {
    const { exitCode } = await child;
    return exitCode ?? 1;
  } finally {
    process.off("SIGINT", stay);
    process.off("SIGTERM", passOn);
  }
};

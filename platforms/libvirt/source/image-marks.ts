import type { HostConnection } from "../host.ts";

/**
 * What changes with every write to one of these files: each one's inode, size and times, to the nanosecond. Undefined where it would prove too little: for a block device,
 * and for files whose file system keeps whole seconds. The kernel's clock for it moves every few milliseconds, so nothing may be about to write when it is read.
 */
export const readImageMarks = async (
  host: HostConnection,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> => {
  const { stdout } = await host.run(
    `for path; do if [ -f "$path" ]; then stat -Lc '%d:%i:%s %.9Y %.9Z' -- "$path"; else echo none; fi; done`,
    paths,
    { signal, timeoutMs: 15_000, purpose: "see whether images were written to" },
  );
  const lines = stdout.trim().split("\n");
  return lines.length === paths.length && lines.every(isFine) ? lines.join("\n") : undefined;
};

const isFine = (line: string): boolean => /^\d+:\d+:\d+ \S+ \d+\.\d+$/.test(line) && !line.endsWith(".000000000");

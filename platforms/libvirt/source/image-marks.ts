import type { HostConnection } from "../host.ts";

/**
 * What changes with every write to one of these files: each one's inode, size and times, to the nanosecond. Undefined where it would prove too little: for a block device,
 * for files whose file system keeps whole seconds, and for files that another host may write to, of which this one's kernel remembers what they were. The kernel's clock for
 * it moves every few milliseconds, so nothing may be about to write when it is read.
 */
export const readImageMarks = async (
  host: HostConnection,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> => {
  const { stdout } = await host.run(marksScript, paths, {
    signal,
    timeoutMs: 15_000,
    purpose: "see whether images were written to",
  });
  const lines = stdout.trim().split("\n");
  return lines.length === paths.length && lines.every(isFine) ? lines.join("\n") : undefined;
};

/** Of file systems that only the host itself writes to: a name that is not among them proves nothing, as it may be a network's. */
const marksScript = `
for path; do
  kind=none
  if [ -f "$path" ]; then kind=$(stat -L -f -c %T -- "$path") || kind=none; fi
  case $kind in
    ext2/ext3|ext4|xfs|btrfs|zfs|tmpfs|ramfs|f2fs|jfs|reiserfs|bcachefs|overlayfs) stat -Lc '%d:%i:%s %.9Y %.9Z' -- "$path" || echo none ;;
    *) echo none ;;
  esac
done
`;

const isFine = (line: string): boolean => /^\d+:\d+:\d+ \S+ \d+\.\d+$/.test(line) && !line.endsWith(".000000000");

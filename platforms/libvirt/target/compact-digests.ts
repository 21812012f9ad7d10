import type { DiskId } from "#domain/ids.ts";
import { blockBytes } from "#transfer/block.ts";
import { entries } from "./chain.ts";
import { createDigestTable, digestBytes } from "./digest-log.ts";
import type { ReplicaStore } from "./host-store.ts";
import { readFileBytes } from "./read-file-bytes.ts";
import type { StoredReplica } from "./stored-replica.ts";

/** A file may be so much larger than one that says everything once: rewriting it costs a pass over the link to the host. */
const slackFactor = 2;
const usualSlackBytes = 4 * 1024 * 1024;
const pieceBytes = 8 * 1024 * 1024;

/** Prints the length of each file, in order. */
const lengthsScript = `for file in "$@"; do if [ -e "$file" ]; then wc -c <"$file"; else echo 0; fi; done`;

/** $1 file; standard input: base64 of its next bytes; $2 "first" begins it. */
const pieceScript = `set -eu
if [ "$2" = first ]; then : >"$1"; fi
base64 -d >>"$1"`;

/** $1 the replica's folder, $2 file, $3 its length when it was read, $4 what replaces it, $5 its length: only if nothing was merged into the one and nothing is missing of the other. */
const replaceScript = `set -eu
exec 8>"$1/merge.lock"
flock 8
if [ -e "$2" ] && [ "$(wc -c <"$2")" -eq "$3" ] && [ "$(wc -c <"$4")" -eq "$5" ]; then
  sync "$4"
  mv -f "$4" "$2"
  sync "\${2%/*}"
else
  rm -f "$4"
fi`;

/** Every merge appends to the lower layer's digests: where a file says much more than once, it is written anew. Nothing reads differently afterwards. */
export const compactDigests = async (
  store: ReplicaStore,
  what: { readonly state: StoredReplica; readonly layers: ReadonlySet<number>; readonly slackBytes?: number },
  signal: AbortSignal,
): Promise<void> => {
  const { host, layout } = store;
  const { state, layers, slackBytes = usualSlackBytes } = what;
  const files = state.layers
    .filter(({ layer }) => layers.has(layer))
    .flatMap(({ layer, disks }) =>
      entries(disks).map(([disk, { sizeBytes }]) => ({ disk, file: layout.digests(disk, layer), sizeBytes })),
    );
  const { stdout } = await host.run(
    lengthsScript,
    files.map(({ file }) => file),
    {
      purpose: `measure the digest files of replica ${state.replica}`,
      timeoutMs: 30_000,
      signal,
    },
  );
  const lengths = stdout.trim().split("\n").map(Number);
  for (const [index, each] of files.entries()) {
    const length = lengths[index] ?? 0;
    const once = Math.ceil(each.sizeBytes / blockBytes) * digestBytes;
    if (length > slackFactor * once + slackBytes) await compactFile(store, { ...each, length }, signal);
  }
};

const compactFile = async (
  { host, layout }: ReplicaStore,
  what: { readonly disk: DiskId; readonly file: string; readonly sizeBytes: number; readonly length: number },
  signal: AbortSignal,
): Promise<void> => {
  const { file, length } = what;
  const bounds = { purpose: `compact ${file}`, timeoutMs: 120_000, signal };
  const table = createDigestTable();
  const log = await readFileBytes(host, file, signal);
  if (log.length !== length) return;
  table.apply(log, `${file} on host ${host.name}`);
  const compact = table.serialize(Math.ceil(what.sizeBytes / blockBytes));
  const written = `${file}.compact`;
  for (let at = 0; at < compact.length; at += pieceBytes)
    await host.run(pieceScript, [written, at === 0 ? "first" : "next"], {
      ...bounds,
      stdin: compact.subarray(at, at + pieceBytes).toString("base64"),
    });
  await host.run(replaceScript, [layout.root, file, String(length), written, String(compact.length)], bounds);
};

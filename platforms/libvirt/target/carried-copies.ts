import { setTimeout as delay } from "node:timers/promises";
import type { Check } from "#domain/check.ts";
import { Fault } from "#domain/fault.ts";
import type { DiskId } from "#domain/ids.ts";
import type { Operation, ReplicaSpec } from "#platforms/platform.ts";
import type { ActivationPlace } from "./activate.ts";
import { entries } from "./chain.ts";
import { createReplica } from "./create-replica.ts";
import type { StoredLayerDisk } from "./stored-replica.ts";

const day = 86_400_000;
const pollMs = 2_000;

/** What qemu-img says of a carried copy; without -U, so that one in use is refused. $1 the file, $2 its format where it is not to be guessed. */
const lookScript = `if [ ! -f "$1" ]; then echo missing; exit 0; fi
qemu-img info \${2:+-f "$2"} --output=json "$1" 2>&1 || :`;

/**
 * Copies a carried image into the layer. $1 the copy, $2 its format, $3 the layer's path, $4 the replica's state. The copy itself is only read: whose it is, and what it is kept for
 * besides, nobody knows. Two at once cannot be: the later one waits for the earlier one, whose worker died, and finds its work done.
 */
const takeScript = `set -eu
umask 066
[ -e "$4" ] || { echo "the replica is not there any more" >&2; exit 1; }
mkdir -p "\${3%/*}"
exec 9>"$3.lock"
flock 9
if [ -e "$3" ]; then exit 0; fi
qemu-img convert -f "$2" -O qcow2 "$1" "$3.part" >&2 || { rm -f "$3.part"; exit 1; }
sync "$3.part"
mv -f "$3.part" "$3"
sync "\${3%/*}"`;

interface CarriedCopy {
  readonly disk: DiskId;
  readonly file: string;
  readonly format: "qcow2" | "raw";
  readonly sizeBytes: number;
  /** What it takes on disk. */
  readonly storedBytes: number;
}

/** One check a carried copy. A copy is never trusted, so it may be as old as it likes; it must be readable by itself and of that disk's size. */
export const checkCopies = async (
  place: ActivationPlace,
  { spec, freeBytes }: { readonly spec: ReplicaSpec; readonly freeBytes: number },
  op: Operation,
): Promise<readonly Check[]> => {
  let storedBytes = 0;
  const checks = await Promise.all(
    entries(spec.copies ?? {}).map(async ([disk, file]): Promise<Check> => {
      const name = `Carried copy of disk ${disk}`;
      const looked = await look(place, { spec, disk, file }, op);
      if ("problem" in looked)
        return { name, passed: false, code: "INVALID_INPUT", detail: looked.problem, action: looked.action };
      storedBytes += looked.storedBytes;
      return { name, passed: true, detail: `${file} on ${place.connection.name} will be compared with the disk` };
    }),
  );
  if (storedBytes <= freeBytes) return checks;
  const detail = `The carried copies take ${storedBytes} bytes, and only ${freeBytes} are free in ${place.folder} on ${place.connection.name}`;
  const action = `Free or add space in ${place.folder}: the copies are copied into the replica, and stay as they are.`;
  return [...checks, { name: "Space for the carried copies", passed: false, code: "STORE_FULL", detail, action }];
};

const look = async (
  { connection }: ActivationPlace,
  of: { readonly spec: ReplicaSpec; readonly disk: DiskId; readonly file: string },
  op: Operation,
): Promise<CarriedCopy | { readonly problem: string; readonly action: string }> => {
  const { spec, disk, file } = of;
  const replicated = spec.machine.disks.find(({ id }) => id === disk && spec.disks.includes(id));
  if (replicated === undefined)
    return {
      problem: `${spec.machine.name} has no replicated disk ${disk}`,
      action: `Name one of ${spec.disks.join(", ")}, or leave this copy out.`,
    };
  const ask = (format: string) =>
    connection.run(lookScript, [file, format], {
      purpose: `look at the carried copy ${file}`,
      timeoutMs: 60_000,
      signal: op.signal,
    });
  const guessed = await ask("");
  // A disk that the guest has encrypted as a whole looks like an encrypted image: it is carried as it is.
  const { stdout } = parse(guessed.stdout)?.format === "luks" ? await ask("raw") : guessed;
  const there = `${file} on host ${connection.name}`;
  if (stdout.trim() === "missing")
    return {
      problem: `${there} is not there, or is no file`,
      action: "Name a file on the host that is to keep the replica.",
    };
  const info = parse(stdout);
  if (info === undefined)
    return {
      problem: `${there} cannot be read: ${stdout.trim().split("\n").at(-1) ?? ""}`,
      action: "Make it readable for the host's login, and shut down whatever uses it.",
    };
  const { format, "virtual-size": sizeBytes } = info;
  if (format !== "qcow2" && format !== "raw")
    return {
      problem: `${there} is in the format ${format}`,
      action: `Convert it: qemu-img convert -O qcow2 ${file} ${file}.qcow2`,
    };
  if (info["backing-filename"] !== undefined || info["format-specific"]?.data?.["data-file"] !== undefined)
    return {
      problem: `${there} does not stand by itself: it needs ${info["backing-filename"] ?? info["format-specific"]?.data?.["data-file"] ?? ""}`,
      action: `Make one file of it where the other is: qemu-img convert -O qcow2 ${file} whole.qcow2, and carry that.`,
    };
  if (sizeBytes > replicated.sizeBytes)
    return {
      problem: `${there} has ${sizeBytes} bytes, more than the ${replicated.sizeBytes} of disk ${disk}`,
      action: "Name the copy of this disk; a disk that was made smaller since has to be copied over the network.",
    };
  return { disk, file, format, sizeBytes, storedBytes: info["actual-size"] };
};

interface ImageInfo {
  readonly format: string;
  readonly "virtual-size": number;
  readonly "actual-size": number;
  readonly "backing-filename"?: string;
  readonly "format-specific"?: { readonly data?: { readonly "data-file"?: string } };
}

const parse = (text: string): ImageInfo | undefined => {
  try {
    return JSON.parse(text) as ImageInfo;
  } catch {
    return undefined;
  }
};

/**
 * Makes the replica with the carried copies as its base: content of which nobody knows what instant it is, so that it is compared with the source, and only what differs is sent.
 * Done twice it changes nothing. Rejects with `INVALID_INPUT` for a copy that cannot be used.
 */
export const createFromCopies = async (
  place: ActivationPlace,
  spec: ReplicaSpec & { readonly copies: NonNullable<ReplicaSpec["copies"]> },
  op: Operation,
): Promise<void> => {
  const { store, connection } = place;
  const state = await createReplica(store, spec, op.signal);
  if (state.layers.length > 0 || state.nextLayer > 0) return;
  const disks: Record<DiskId, StoredLayerDisk> = {};
  for (const [disk, file] of entries(spec.copies)) {
    const copy = await look(place, { spec, disk, file }, op);
    if ("problem" in copy) throw new Fault("INVALID_INPUT", `${copy.problem}. ${copy.action}`, { details: { disk } });
    await take(place, copy, op);
    disks[disk] = { sizeBytes: copy.sizeBytes, backing: -1, digests: "partial" };
  }
  await store.change(
    (standing) =>
      standing.layers.length > 0 || standing.nextLayer > 0
        ? undefined
        : {
            state: { ...standing, nextLayer: 1, layers: [{ layer: 0, point: false, kept: false, disks }] },
          },
    { purpose: `record the carried copies of replica ${spec.replica} on ${connection.name}`, signal: op.signal },
  );
};

/** Says how far it is, as the file grows. */
const take = async ({ store, connection }: ActivationPlace, copy: CarriedCopy, op: Operation): Promise<void> => {
  const { disk, file, format } = copy;
  const image = store.layout.image(disk, 0);
  const step = `Taking the carried copy of disk ${disk} in`;
  const done = new AbortController();
  const watching = (async () => {
    const signal = AbortSignal.any([op.signal, done.signal]);
    for (;;) {
      const { stdout } = await connection.run(
        'stat -c "%b %B" "$1.part" 2>/dev/null || echo 0 0; stat -c "%b %B" "$2"',
        [image, file],
        {
          purpose: "see how much of a carried copy is taken in",
          timeoutMs: 15_000,
          signal,
        },
      );
      const [bytesDone = 0, bytesTotal = 0] = stdout.trim().split("\n").map(allocated);
      op.progress({ step, bytesDone: Math.min(bytesDone, bytesTotal), bytesTotal });
      await delay(pollMs, undefined, { signal });
    }
    // It ends with the copying; that it could not look once hinders nothing.
  })().catch(() => undefined);
  try {
    await connection.run(takeScript, [file, format, image, store.layout.state], {
      purpose: `take the carried copy ${file} into replica ${store.layout.root}`,
      timeoutMs: day,
      lasting: "copy",
      signal: op.signal,
    });
  } finally {
    done.abort();
    await watching;
  }
};

const allocated = (line: string): number => {
  const [blocks = 0, size = 0] = line.split(" ").map(Number);
  return blocks * size;
};

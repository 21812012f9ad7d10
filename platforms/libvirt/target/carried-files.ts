import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { CarriedFile } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { Operation } from "./host-store.ts";
import type { ReplicaLayout } from "./layout.ts";
import type { StoredReplica } from "./stored-replica.ts";

/** A carried file of a point, as `replica.json` names it; its content lies in `files/`, once for all points that have the same. */
export type StoredFile = Pick<CarriedFile, "role" | "sizeBytes" | "sha256">;

const maximumFiles = 4;
const maximumBytes = 64 * 1024 * 1024;

/** What the points of the replica name. */
export const heldFiles = (state: Pick<StoredReplica, "layers">): readonly string[] => [
  ...new Set(state.layers.flatMap(({ point, files }) => (point ? (files ?? []).map(({ sha256 }) => sha256) : []))),
];

/** Refuses what is not what its digest says, before any of it is written: the sender is another site. */
export const checkFiles = (cut: string, files: readonly CarriedFile[]): readonly StoredFile[] => {
  if (files.length > maximumFiles || new Set(files.map(({ role }) => role)).size < files.length)
    throw new Fault(
      "INVALID_INPUT",
      `Cut ${cut} brings ${files.length} files: at most ${maximumFiles}, one of each role, are taken.`,
    );
  return files.map(({ role, sizeBytes, sha256, content }) => {
    if (!/^[a-z]{1,32}$/.test(role) || !/^[0-9a-f]{64}$/.test(sha256) || !(sizeBytes >= 0 && sizeBytes <= maximumBytes))
      throw new Fault(
        "INVALID_INPUT",
        `Cut ${cut} brings a file that is not named as one is: role ${JSON.stringify(role)}.`,
      );
    if (content !== undefined && !isWhole({ sizeBytes, sha256, content }))
      throw new Fault(
        "DAMAGED_IN_TRANSIT",
        `The ${role} that cut ${cut} brings is not what its digest says: it was damaged at the source or on the way. It is sent again.`,
        { details: { cut, role } },
      );
    return { role, sizeBytes, sha256 };
  });
};

const isWhole = (file: { readonly sizeBytes: number; readonly sha256: string; readonly content: string }): boolean => {
  let bytes: Buffer;
  try {
    bytes = gunzipSync(Buffer.from(file.content, "base64"), { maxOutputLength: maximumBytes });
  } catch {
    // Not gzip, or longer than any is.
    return false;
  }
  return bytes.length === file.sizeBytes && createHash("sha256").update(bytes).digest("hex") === file.sha256;
};

/** Puts into the store what it lacks. Rejects with `INVALID_INPUT` a cut that leaves a content out which is not here (any more). */
export const storeFiles = (
  layout: ReplicaLayout,
  state: StoredReplica,
  files: readonly CarriedFile[],
): readonly Operation[] => {
  const held = heldFiles(state);
  const lacking = files.filter(({ sha256 }) => !held.includes(sha256));
  if (lacking.length === 0) return [];
  return [
    { kind: "folder", path: layout.files },
    ...lacking.map(({ role, sha256, content }): Operation => {
      if (content === undefined)
        throw new Fault(
          "INVALID_INPUT",
          `Replica ${state.replica} does not have the ${role} with digest ${sha256}, and the cut does not bring it along. It is sent with the next one.`,
        );
      return { kind: "write", path: layout.file(sha256), bytes: Buffer.from(content, "base64") };
    }),
  ];
};

/** Removes what no point names any more. */
export const dropFiles = (
  layout: ReplicaLayout,
  before: Pick<StoredReplica, "layers">,
  after: Pick<StoredReplica, "layers">,
): readonly Operation[] => {
  const held = heldFiles(after);
  return heldFiles(before).flatMap((sha256) =>
    held.includes(sha256) ? [] : [{ kind: "remove" as const, path: layout.file(sha256) }],
  );
};

import { Fault } from "#domain/fault.ts";
import { parseRecordName } from "../source/tracking-record.ts";
import type { StoreHost } from "./host-store.ts";

export interface ImageFacts {
  readonly sizeBytes: number;
  readonly backing: string | undefined;
  /** Names of our change records in it. */
  readonly bitmaps: readonly string[];
}

/** What qemu-img says of an image, running machine or not. `missing`: "empty" answers nothing for a file that is gone instead of rejecting. */
export const readImage = async (
  host: StoreHost,
  file: string,
  signal: AbortSignal,
  options: { readonly missing?: "empty" } = {},
): Promise<ImageFacts> => {
  const { stdout } = await host.run('if [ -e "$1" ]; then qemu-img info -U --output=json "$1"; fi', [file], {
    purpose: `look at image ${file}`,
    timeoutMs: 60_000,
    signal,
  });
  if (stdout.trim() === "") {
    if (options.missing === "empty") return { sizeBytes: 0, backing: undefined, bitmaps: [] };
    throw new Fault("REPLICA_INVALID", `Image ${file} is not there on host ${host.name}.`);
  }
  const info = JSON.parse(stdout) as {
    readonly "virtual-size": number;
    readonly "backing-filename"?: string;
    readonly "format-specific"?: { readonly data?: { readonly bitmaps?: readonly { readonly name: string }[] } };
  };
  const bitmaps = info["format-specific"]?.data?.bitmaps ?? [];
  return {
    sizeBytes: info["virtual-size"],
    backing: info["backing-filename"],
    bitmaps: bitmaps.map(({ name }) => name).filter((name) => parseRecordName(name) !== undefined),
  };
};

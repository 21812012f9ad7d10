import type { DiskId } from "#domain/ids.ts";
import type { Operation } from "#platforms/platform.ts";
import type { ActivationPlace } from "./activate.ts";
import { readImage } from "./images.ts";

const day = 86_400_000;

/**
 * Moves one disk of the machine into the replica, as one image on `$4` ("-": by itself). $1 file, $2 layer's path, $3 name for what has to stay in its own file system.
 * The bitmaps that kept its changes go: their time is over.
 */
const takeDiskScript = `set -eu
file=$1 layer=$2 aside=$3 beneath=$4
shift 4
source=$file
if [ ! -e "$source" ]; then source=$aside; fi
if [ -e "$source" ] && [ ! -e "$layer" ]; then
  for bitmap in "$@"; do qemu-img bitmap --remove -f qcow2 "$source" "$bitmap" >&2 || :; done
  if [ "$beneath" = - ]; then qemu-img rebase -q -f qcow2 -b "" "$source" >&2
  else qemu-img rebase -q -u -f qcow2 -b "$beneath" -F qcow2 "$source" >&2; fi
  sync "$source"
  mkdir -p "\${layer%/*}"
  if [ "$(stat -c %d "$source")" = "$(stat -c %d "\${layer%/*}")" ]; then
    mv -f "$source" "$layer"
  else
    if [ "$source" != "$aside" ]; then mv -f "$source" "$aside"; sync "\${aside%/*}"; fi
    ln -sf "$aside" "$layer"
  fi
  sync "\${layer%/*}" "\${file%/*}"
fi
[ -e "$layer" ] || { echo "neither $file nor $layer is there" >&2; exit 1; }`;

/** Makes one disk of an adopted machine the layer `layer` of the replica, on the layer `backing` (−1: by itself). Done twice it changes nothing. */
export const takeDisk = async (
  { connection, store }: ActivationPlace,
  what: { readonly disk: DiskId; readonly file: string; readonly backing: number; readonly layer: number },
  op: Operation,
): Promise<void> => {
  const { disk, file, backing, layer } = what;
  const image = await readImage(connection, file, op.signal, { missing: "empty" });
  const aside = `${file.slice(0, file.lastIndexOf("/"))}/.understudy-${store.layout.root.split("/").at(-1) ?? ""}-${disk}-${layer}.qcow2`;
  await connection.run(
    takeDiskScript,
    [
      file,
      store.layout.image(disk, layer),
      aside,
      backing < 0 ? "-" : store.layout.image(disk, backing),
      ...image.bitmaps,
    ],
    {
      purpose: `take disk ${file} into replica ${store.layout.root}`,
      timeoutMs: day,
      lasting: "copy",
      signal: op.signal,
    },
  );
};

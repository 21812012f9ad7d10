import { diskId } from "#domain/ids.ts";
import { bootDefinition } from "./boot-definition.ts";
import type { OfflinePoint } from "./list-points.ts";

/**
 * How a person boots a point by hand when nothing but the host is left: shell commands that run as they are, with what they do. The point's own images are never
 * written to: each disk gets an overlay, in `folder`. `REPLICA_INVALID` where the point's definition is none.
 */
export const bootCommands = (point: OfflinePoint, folder: string): string => {
  const overlays = point.images.map(({ disk, file }) => ({ disk, file, overlay: `${folder}/${disk}.qcow2` }));
  const variables = point.files.find(({ role }) => role === "nvram");
  const nvram = `${folder}/nvram.fd`;
  const machine = bootDefinition(point.definition, {
    overlays: Object.fromEntries(overlays.map(({ disk, overlay }) => [diskId(disk), { file: overlay }])),
    ...(variables !== undefined && { nvram }),
  });
  return [
    `# Recovery point ${point.id}: ${point.takenAt}, ${point.consistency}`,
    "set -e",
    `mkdir -p ${quote(folder)}`,
    ...overlays.map(({ file, overlay }) => `qemu-img create -f qcow2 -b ${quote(file)} -F qcow2 ${quote(overlay)}`),
    ...(variables === undefined
      ? []
      : [
          "# The variables of its UEFI firmware; the second command says whether they are what they were:",
          `(umask 077; gzip -dc ${quote(variables.file)} >${quote(nvram)})`,
          `echo ${quote(`${variables.sha256}  ${nvram}`)} | sha256sum -c`,
        ]),
    `# The machine as it was at that point, its disks on the overlays${variables === undefined ? "" : " and its variables where they were unpacked"}; its removable drives are empty.`,
    ...needed("networks and bridges", machine.networks),
    ...needed("files", machine.files),
    `cat >${quote(`${folder}/machine.xml`)} <<'END_OF_MACHINE'`,
    machine.xml,
    "END_OF_MACHINE",
    `virsh define ${quote(`${folder}/machine.xml`)}`,
    "# Make sure that the machine does not run anywhere else, then:",
    `virsh start ${quote(machine.name)}`,
    "",
  ].join("\n");
};

const needed = (what: string, names: readonly string[]): readonly string[] =>
  names.length === 0
    ? []
    : [`# It needs these ${what} here; where one has another name, change it in machine.xml: ${names.join(", ")}`];

const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

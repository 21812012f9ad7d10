import type { OfflinePoint } from "./list-points.ts";

/**
 * How a person boots a point by hand when nothing but the host is left: shell commands, with what they do. The point's own images are never written to: each
 * disk gets an overlay, in `folder`.
 */
export const bootCommands = (point: OfflinePoint, folder: string): string => {
  const overlays = point.images.map(({ disk, file }) => ({ disk, file, overlay: `${folder}/${disk}.qcow2` }));
  const variables = point.files.find(({ role }) => role === "nvram");
  const nvram = `${folder}/nvram.fd`;
  return [
    `# Recovery point ${point.id}: ${point.takenAt}, ${point.consistency}`,
    `mkdir -p ${quote(folder)}`,
    ...overlays.map(({ file, overlay }) => `qemu-img create -f qcow2 -b ${quote(file)} -F qcow2 ${quote(overlay)}`),
    ...(variables === undefined
      ? []
      : [
          "# The variables of its UEFI firmware; the second command says whether they are what they were:",
          `(umask 077; gzip -dc ${quote(variables.file)} >${quote(nvram)})`,
          `echo ${quote(`${variables.sha256}  ${nvram}`)} | sha256sum -c`,
        ]),
    `# The machine as it was at that point. Set each disk's <source file='…'/> to the overlay made above${variables === undefined ? "" : ", <nvram> to the variables"}, and the networks to this host's:`,
    `cat >${quote(`${folder}/machine.xml`)} <<'END_OF_MACHINE'`,
    point.definition.trimEnd(),
    "END_OF_MACHINE",
    ...overlays.map(({ disk, overlay }) => `#   ${disk}: ${overlay}`),
    ...(variables === undefined ? [] : [`#   <nvram>: ${nvram}`]),
    `\${EDITOR:-vi} ${quote(`${folder}/machine.xml`)}`,
    `virsh define ${quote(`${folder}/machine.xml`)}`,
    "# Make sure that the machine does not run anywhere else, then:",
    `virsh start ${quote(machineName(point.definition))}`,
    "",
  ].join("\n");
};

const machineName = (definition: string): string => /<name>([^<]*)<\/name>/.exec(definition)?.[1] ?? "MACHINE";

const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

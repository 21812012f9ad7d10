import type { DiskId } from "#domain/ids.ts";
import { attributeOf, elements, parseEditable, serializeEditable } from "../inventory/editable-xml.ts";
import { readDomain } from "../inventory/domain-xml.ts";
import { removeMetadata } from "../inventory/metadata.ts";
import { adaptDefinition, namedFiles } from "../target/definition.ts";

/** A point's definition, ready to be defined by hand. */
export interface BootDefinition {
  readonly name: string;
  readonly xml: string;
  /** Networks and bridges that its adapters hang on, by the source's names: they must be here under the same. */
  readonly networks: readonly string[];
  /** Files outside of its disks that it names: its firmware's code, a kernel, the emulator. */
  readonly files: readonly string[];
}

/**
 * The machine as it was, with its disks on the overlays, its firmware's variables where they were unpacked, empty removable drives, and without the disks that were excluded. What is
 * on this host is not looked at: libvirt says what it lacks. `REPLICA_INVALID` where the definition is none.
 */
export const bootDefinition = (
  definition: string,
  to: { readonly overlays: Readonly<Record<DiskId, { readonly file: string }>>; readonly nvram?: string },
): BootDefinition => {
  // First: it says so where the definition is none.
  const named = namedFiles(definition);
  const { name, adapters } = readDomain(definition);
  const networks = [...new Set(adapters.map(({ network }) => network))];
  const media = elements(parseEditable(definition), "devices", "disk")
    .filter((disk) => ["cdrom", "floppy"].includes(attributeOf(disk, "device") ?? "disk"))
    .map((drive) => attributeOf(elements(drive, "source")[0], "file"));
  const files = named.filter((file) => !media.includes(file));
  const adapted = adaptDefinition(definition, {
    ...to,
    machineName: name,
    // Each by its own name and kind: nothing to map.
    networks: {},
    mark: { replica: "", failover: "", epoch: 0 },
    facts: {
      files: new Set(files),
      networks: kinds(definition, "network"),
      bridges: kinds(definition, "bridge", "dev"),
      kvm: true,
      swtpm: true,
      emulator: undefined,
    },
  });
  const domain = parseEditable(adapted);
  // Started by a person, it is no activation of ours.
  removeMetadata(domain, "activation");
  return { name, xml: serializeEditable(domain), networks, files };
};

const kinds = (definition: string, ...attributes: readonly string[]): ReadonlySet<string> =>
  new Set(
    elements(parseEditable(definition), "devices", "interface", "source").flatMap((source) =>
      attributes.flatMap((attribute) => attributeOf(source, attribute) ?? []),
    ),
  );

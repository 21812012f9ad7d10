import { Fault } from "#domain/fault.ts";
import type { DiskId } from "#domain/ids.ts";
import {
  attributeOf,
  elements,
  escapeXml,
  makeElement,
  parseEditable,
  removeChildren,
  replaceChild,
  serializeEditable,
  textOf,
  type EditableElement,
} from "../inventory/editable-xml.ts";
import { removeMetadata, setMetadata } from "../inventory/metadata.ts";
import { firmwareStore, type FirmwareStore } from "../inventory/firmware-store.ts";
import type { HostFacts } from "./host-facts.ts";
import { reattachDisks } from "./reattach-disks.ts";

/** How the machine of a point is to come up here. Everything that is not named stays as it was at the source: UUID, addresses, firmware, TPM, devices. */
export interface Adaptation {
  readonly machineName: string;
  /** A test machine's own identity; absent: the machine's own. */
  readonly uuid?: string;
  readonly overlays: Readonly<Record<DiskId, { readonly file: string }>>;
  /** Source network or bridge → this host's. */
  readonly networks: Readonly<Record<string, string>>;
  /** Every adapter hangs on this bridge, whatever `networks` says. */
  readonly onlyBridge?: string;
  /** The same with a network or bridge of this host's. */
  readonly onlyNetwork?: string;
  /** Where it keeps its firmware's variables here. */
  readonly nvram?: string;
  /** Elements of disks that it is given back. */
  readonly reattach?: readonly string[];
  readonly mark: { readonly replica: string; readonly failover: string; readonly epoch: number };
  readonly facts: HostFacts;
}

/** The files outside of its disks that a definition names: what `readHostFacts` is to look for. */
export const namedFiles = (definition: string): readonly string[] => {
  const domain = parse(definition);
  const os = elements(domain, "os")[0];
  const texts = ["loader", "kernel", "initrd", "dtb"].map((name) =>
    textOf(os === undefined ? undefined : elements(os, name)[0]),
  );
  const media = removableDrives(domain).map((drive) => attributeOf(elements(drive, "source")[0], "file") ?? "");
  return [...texts, ...media, textOf(elements(domain, "devices", "emulator")[0])].filter((file) => file !== "");
};

/** The emulator's program name, such as `qemu-system-x86_64`. */
export const emulatorName = (definition: string): string => {
  const domain = parse(definition);
  const architecture = attributeOf(elements(domain, "os", "type")[0], "arch") ?? "x86_64";
  return `qemu-system-${architecture === "i686" ? "i386" : architecture}`;
};

/** The machine's text for this host. Rejects with `NETWORK_NOT_FOUND` or `PREREQUISITES_FAILED` (all that is missing) where the machine cannot come up here. */
export const adaptDefinition = (definition: string, to: Adaptation): string => {
  const domain = parse(definition);
  domain.attributes.delete("id");
  replaceChild(domain, makeElement("name", {}, [escapeXml(to.machineName)]));
  if (to.uuid !== undefined) replaceChild(domain, makeElement("uuid", {}, [to.uuid]));
  const devices = elements(domain, "devices")[0];
  if (devices === undefined)
    throw new Fault("REPLICA_INVALID", `The definition of ${to.machineName} in the recovery point has no devices.`);
  // So that the host's own tools show whose it is, and an orphan is recognised.
  const { replica, failover, epoch } = to.mark;
  setMetadata(domain, "activation", { replica, failover, epoch: String(epoch) });
  removeMetadata(domain, "machine");
  adaptMachine(definition, { domain, devices }, to);
  adaptDisks(devices, to);
  reattachDisks(devices, to.reattach ?? []);
  for (const adapter of elements(devices, "interface")) adaptAdapter(adapter, to);
  return `${serializeEditable(domain)}\n`;
};

const adaptMachine = (
  definition: string,
  { domain, devices }: { readonly domain: EditableElement; readonly devices: EditableElement },
  to: Adaptation,
): void => {
  const { facts } = to;
  const missing: string[] = [];
  const emulator = elements(devices, "emulator")[0];
  if (emulator !== undefined && !facts.files.has(textOf(emulator))) {
    if (facts.emulator === undefined) missing.push(`the emulator ${textOf(emulator)}`);
    else emulator.children = [escapeXml(facts.emulator)];
  }
  if (attributeOf(domain, "type") === "kvm" && !facts.kvm)
    missing.push("/dev/kvm (switch virtualization on in the firmware, load kvm_intel or kvm_amd)");
  if (lacksTpmEmulator(definition, facts)) missing.push("swtpm, which emulates its TPM");
  const os = elements(domain, "os")[0];
  if (os !== undefined) {
    for (const name of ["loader", "kernel", "initrd", "dtb"]) {
      const file = textOf(elements(os, name)[0]);
      if (file !== "" && !facts.files.has(file)) missing.push(`${name} ${file}`);
    }
    if (to.nvram !== undefined) keepVariablesIn(os, to.nvram);
  }
  if (missing.length > 0)
    throw new Fault(
      "PREREQUISITES_FAILED",
      `Machine ${to.machineName} cannot start on this host; it lacks ${missing.join(", ")}. Install what is missing and try again.`,
      { details: { missing } },
    );
  if (to.uuid === undefined) return;
  // A test runs beside others: ports that only one can have are chosen anew.
  for (const graphics of elements(devices, "graphics")) {
    if (attributeOf(graphics, "autoport") === "yes" || !graphics.attributes.has("port")) continue;
    graphics.attributes.set("port", "-1");
    graphics.attributes.set("autoport", "yes");
  }
};

/** A machine whose firmware libvirt chose itself may have named no file so far. The template stays: it is what an empty store is made of. */
const keepVariablesIn = (os: EditableElement, file: string): void => {
  const nvram = elements(os, "nvram")[0] ?? makeElement("nvram");
  nvram.attributes.delete("type");
  nvram.children = [escapeXml(file)];
  removeChildren(os, (child) => child.name === "nvram");
  os.children.push(nvram);
};

/** Without it libvirt does not start a machine with such a TPM. */
export const lacksTpmEmulator = (definition: string, facts: Pick<HostFacts, "swtpm">): boolean =>
  !facts.swtpm &&
  elements(parse(definition), "devices", "tpm", "backend").some((tpm) => attributeOf(tpm, "type") === "emulator");

/** `REPLICA_INVALID` where the definition is none. */
export const firmwareStoreOf = (definition: string): FirmwareStore => {
  parse(definition);
  return firmwareStore(definition);
};

const removableDrives = (domain: EditableElement): readonly EditableElement[] =>
  elements(domain, "devices", "disk").filter((disk) =>
    ["cdrom", "floppy"].includes(attributeOf(disk, "device") ?? "disk"),
  );

const adaptDisks = (devices: EditableElement, to: Adaptation): void => {
  const target = (disk: EditableElement): DiskId => (attributeOf(elements(disk, "target")[0], "dev") ?? "") as DiskId;
  const isDrive = (disk: EditableElement): boolean =>
    ["cdrom", "floppy"].includes(attributeOf(disk, "device") ?? "disk");
  // Disks that are not replicated have no content here.
  removeChildren(
    devices,
    (child) => child.name === "disk" && !isDrive(child) && to.overlays[target(child)] === undefined,
  );
  for (const disk of elements(devices, "disk")) {
    if (isDrive(disk)) {
      const medium = attributeOf(elements(disk, "source")[0], "file");
      if (medium === undefined || !to.facts.files.has(medium))
        removeChildren(disk, (child) => child.name === "source" || child.name === "backingStore");
      continue;
    }
    const overlay = to.overlays[target(disk)];
    if (overlay === undefined) continue;
    disk.attributes.set("type", "file");
    removeChildren(disk, (child) =>
      ["backingStore", "mirror", "auth", "encryption", "reservations"].includes(child.name),
    );
    const driver = elements(disk, "driver")[0] ?? makeElement("driver", { name: "qemu" });
    driver.attributes.set("type", "qcow2");
    replaceChild(disk, driver);
    replaceChild(disk, makeElement("source", { file: overlay.file }));
  }
};

const adaptAdapter = (adapter: EditableElement, to: Adaptation): void => {
  const source = elements(adapter, "source")[0];
  const name = attributeOf(source, "network") ?? attributeOf(source, "bridge") ?? attributeOf(source, "dev");
  if (to.onlyBridge !== undefined) return connect(adapter, "bridge", to.onlyBridge);
  if (to.onlyNetwork !== undefined) return connectTo(adapter, to, to.onlyNetwork);
  if (name === undefined) return undefined;
  const wanted = to.networks[name] ?? name;
  if (to.facts.networks.has(wanted)) return connect(adapter, "network", wanted);
  if (to.facts.bridges.has(wanted)) return connect(adapter, "bridge", wanted);
  if (attributeOf(adapter, "type") === "direct" && to.networks[name] === undefined) return undefined;
  const known = [...to.facts.networks, ...to.facts.bridges];
  throw new Fault(
    "NETWORK_NOT_FOUND",
    `Machine ${to.machineName} hangs on network ${name}, and this host has no network or bridge ${wanted}; it has: ${known.join(", ") || "none"}. Map ${name} to one of these under networkMappings.`,
    { details: { network: name, wanted, known } },
  );
};

/** Also an adapter that hangs on nothing libvirt knows, such as a port of the host's card: a test is in no other network. */
const connectTo = (adapter: EditableElement, to: Adaptation, wanted: string): undefined => {
  if (to.facts.networks.has(wanted)) return connect(adapter, "network", wanted);
  if (to.facts.bridges.has(wanted)) return connect(adapter, "bridge", wanted);
  const known = [...to.facts.networks, ...to.facts.bridges];
  throw new Fault(
    "NETWORK_NOT_FOUND",
    `Machine ${to.machineName} is to hang on ${wanted}, and this host has no network or bridge of that name; it has: ${known.join(", ") || "none"}. Name one of these, or none for an isolated one.`,
    { details: { wanted, known } },
  );
};

const connect = (adapter: EditableElement, type: "network" | "bridge", name: string): undefined => {
  const unchanged = attributeOf(adapter, "type") === type && attributeOf(elements(adapter, "source")[0], type) === name;
  if (unchanged) return undefined;
  adapter.attributes.set("type", type);
  // The source host's switch is spoken of: nothing of it is true here.
  removeChildren(
    adapter,
    (child) => child.name === "virtualport" || (child.name === "target" && child.attributes.has("dev")),
  );
  replaceChild(adapter, makeElement("source", { [type]: name }));
  return undefined;
};

const parse = (definition: string): EditableElement => {
  try {
    return parseEditable(definition);
  } catch (cause) {
    throw new Fault(
      "REPLICA_INVALID",
      "The machine's definition in the recovery point is not XML: its manifest was damaged. Choose another point.",
      { cause },
    );
  }
};

import { diskId, type DiskId } from "#domain/ids.ts";
import type { NetworkAdapter } from "#domain/machine.ts";
import { all, first, parseXml, type XmlElement } from "./xml.ts";

/** A disk as the domain's XML has it; CD-ROM and floppy drives are none. */
export interface DomainDisk {
  readonly id: DiskId;
  /** `file`, `block`, `network`, `volume`. */
  readonly type: string;
  readonly format: string;
  /** The path, device or remote name; empty for a drive without a medium. */
  readonly location: string;
  readonly bus: string;
  readonly readOnly: boolean;
  readonly shareable: boolean;
  /** Its requests are worked on by an I/O thread, its own or its controller's. */
  readonly ioThread: boolean;
}

export interface DomainDescription {
  readonly name: string;
  readonly uuid: string;
  readonly disks: readonly DomainDisk[];
  readonly adapters: readonly NetworkAdapter[];
  readonly firmware: "bios" | "uefi";
  readonly tpm: boolean;
  /** An agent's channel is configured; whether the agent answers is another question. */
  readonly agentChannel: boolean;
}

/** What we need of a libvirt domain's XML (https://libvirt.org/formatdomain.html). */
export const readDomain = (definition: string): DomainDescription => {
  const domain = parseXml(definition);
  return {
    name: first(domain, "name")?.text ?? "",
    uuid: first(domain, "uuid")?.text ?? "",
    disks: all(domain, "devices", "disk")
      .filter(({ attributes }) => (attributes["device"] ?? "disk") === "disk" || attributes["device"] === "lun")
      .map((disk) => readDisk(domain, disk)),
    adapters: all(domain, "devices", "interface").map(readAdapter),
    firmware: isUefi(domain) ? "uefi" : "bios",
    tpm: first(domain, "devices", "tpm") !== undefined,
    agentChannel: all(domain, "devices", "channel", "target").some(
      ({ attributes }) => attributes["name"] === "org.qemu.guest_agent.0",
    ),
  };
};

const readDisk = (domain: XmlElement, disk: XmlElement): DomainDisk => {
  const source = first(disk, "source")?.attributes ?? {};
  const target = first(disk, "target")?.attributes ?? {};
  const volume = source["volume"] === undefined ? undefined : `${source["pool"] ?? ""}/${source["volume"]}`;
  return {
    id: diskId(target["dev"] ?? ""),
    type: disk.attributes["type"] ?? "file",
    format: first(disk, "driver")?.attributes["type"] ?? "raw",
    location: source["file"] ?? source["dev"] ?? volume ?? source["name"] ?? "",
    bus: target["bus"] ?? "",
    readOnly: first(disk, "readonly") !== undefined,
    shareable: first(disk, "shareable") !== undefined,
    ioThread: usesIoThread(disk) || controllersOf(domain, disk).some(usesIoThread),
  };
};

const usesIoThread = (device: XmlElement): boolean => {
  const driver = first(device, "driver");
  return (
    driver !== undefined && (driver.attributes["iothread"] !== undefined || first(driver, "iothreads") !== undefined)
  );
};

const controllersOf = (domain: XmlElement, disk: XmlElement): readonly XmlElement[] => {
  const bus = first(disk, "target")?.attributes["bus"];
  const index = first(disk, "address")?.attributes["controller"] ?? "0";
  return all(domain, "devices", "controller").filter(
    ({ attributes }) => attributes["type"] === bus && (attributes["index"] ?? "0") === index,
  );
};

const readAdapter = (adapter: XmlElement): NetworkAdapter => {
  const source = first(adapter, "source")?.attributes ?? {};
  return {
    mac: first(adapter, "mac")?.attributes["address"] ?? "",
    network: source["network"] ?? source["bridge"] ?? source["dev"] ?? adapter.attributes["type"] ?? "",
  };
};

const isUefi = (domain: XmlElement): boolean =>
  first(domain, "os")?.attributes["firmware"] === "efi" ||
  first(domain, "os", "loader")?.attributes["type"] === "pflash";

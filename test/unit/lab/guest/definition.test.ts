import { describe, expect, it } from "vitest";

import { macFor } from "#lab/guest/address.ts";
import { definitionXml, type GuestDefinition } from "#lab/guest/definition.ts";

const guest: GuestDefinition = {
  name: "shop",
  uuid: "6a6a8f4e-58a1-4b1d-8a6b-2b54c0f5a001",
  memoryMib: 256,
  firmware: "bios",
  disks: [
    { file: "/var/lib/libvirt/images/shop-0.qcow2", format: "qcow2", bus: "virtio" },
    { file: "/var/lib/libvirt/images/shop-1.raw", format: "raw", bus: "scsi" },
  ],
  adapters: [{ mac: macFor("10.78.0.101"), bridge: "br0" }],
};

describe("definitionXml", () => {
  it("names each disk by its bus and place", () => {
    const xml = definitionXml(guest);
    expect(xml).toContain("<target dev='vda' bus='virtio'/>");
    expect(xml).toContain("<target dev='sdb' bus='scsi'/>");
    expect(xml).toContain("<controller type='scsi' index='0' model='virtio-scsi'/>");
  });

  it("boots from the disk unless a kernel is given", () => {
    expect(definitionXml(guest)).toContain("<boot dev='hd'/>");
    const direct = definitionXml({ ...guest, directKernel: { kernel: "/k & k", initrd: "/i" } });
    expect(direct).toContain("<kernel>/k &amp; k</kernel>");
    expect(direct).not.toContain("<boot ");
  });

  it("gives a UEFI machine its firmware", () => {
    expect(definitionXml({ ...guest, firmware: "uefi" })).toContain("OVMF_CODE_4M.fd");
    expect(definitionXml(guest)).not.toContain("OVMF");
  });
});

describe("macFor", () => {
  it("writes the address into the MAC", () => {
    expect(macFor("10.78.3.101")).toBe("52:54:0a:4e:03:65");
  });

  it.each(["10.78.3", "10.78.3.300", "host"])("refuses %s", (address) => {
    expect(() => macFor(address)).toThrow("is no IPv4 address");
  });
});

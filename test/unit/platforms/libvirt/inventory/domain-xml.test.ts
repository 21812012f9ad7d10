import { describe, expect, it } from "vitest";
import { readDiskSizes } from "#platforms/libvirt/inventory/disk-sizes.ts";
import { readDomain } from "#platforms/libvirt/inventory/domain-xml.ts";
import { parseXml } from "#platforms/libvirt/inventory/xml.ts";

const domain = (devices: string, os = "<type arch='x86_64'>hvm</type>") =>
  `<?xml version="1.0"?>\n<!-- edited -->\n<domain type='kvm'><name>web &amp; &#x64;b</name><uuid>91297e74-38ab-4937-831b-77d1512186c2</uuid><os>${os}</os><devices>${devices}</devices></domain>`;

describe("a domain's definition", () => {
  it("tells disks of every type by their target, and takes drives for removable media for none", () => {
    const { disks } = readDomain(
      domain(`
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/images/a b.qcow2'/><target dev='vda' bus='virtio'/></disk>
        <disk type='block' device='lun'><driver name='qemu' type='raw'/><source dev='/dev/vg/b'/><target dev='sda' bus='scsi'/><shareable/></disk>
        <disk type='network' device='disk'><driver type='raw'/><source protocol='rbd' name='pool/c'/><target dev='vdc' bus='virtio'/><readonly/></disk>
        <disk type='volume'><driver type='qcow2'/><source pool='default' volume='d'/><target dev='vdd' bus='virtio'/></disk>
        <disk type='file' device='cdrom'><target dev='sdb' bus='sata'/><readonly/></disk>
        <disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>`),
    );
    expect(disks.map(({ id, type, format, location }) => ({ id, type, format, location }))).toEqual([
      { id: "vda", type: "file", format: "qcow2", location: "/images/a b.qcow2" },
      { id: "sda", type: "block", format: "raw", location: "/dev/vg/b" },
      { id: "vdc", type: "network", format: "raw", location: "pool/c" },
      { id: "vdd", type: "volume", format: "qcow2", location: "default/d" },
    ]);
    expect(disks.map(({ shareable, readOnly }) => [shareable, readOnly])).toEqual([
      [false, false],
      [true, false],
      [false, true],
      [false, false],
    ]);
  });

  it("tells an I/O thread at the disk and at its controller, and not at another controller", () => {
    const { disks } = readDomain(
      domain(`
        <disk><driver type='qcow2' iothread='1'/><target dev='vda' bus='virtio'/></disk>
        <disk><driver type='qcow2'/><target dev='vdb' bus='virtio'/></disk>
        <disk><driver type='qcow2'/><target dev='sda' bus='scsi'/><address type='drive' controller='0'/></disk>
        <disk><driver type='qcow2'/><target dev='sdb' bus='scsi'/><address type='drive' controller='1'/></disk>
        <disk><driver type='qcow2'><iothreads><iothread id='2'/></iothreads></driver><target dev='vdc' bus='virtio'/></disk>
        <controller type='scsi' index='0' model='virtio-scsi'/>
        <controller type='scsi' index='1' model='virtio-scsi'><driver iothread='2'/></controller>`),
    );
    expect(disks.filter(({ ioThread }) => ioThread).map(({ id }) => id)).toEqual(["vda", "sdb", "vdc"]);
  });

  it("tells names, networks, firmware, TPM and the agent's channel", () => {
    const bridged = "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>";
    const networked =
      "<interface type='network'><mac address='52:54:00:00:00:02'/><source network='lan' bridge='virbr1'/></interface>";
    const channel = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>";
    const full = readDomain(
      domain(`${bridged}${networked}${channel}<tpm model='tpm-crb'/>`, "<loader type='pflash'>/x.fd</loader>"),
    );
    expect(full).toMatchObject({
      name: "web & db",
      uuid: "91297e74-38ab-4937-831b-77d1512186c2",
      adapters: [
        { mac: "52:54:00:00:00:01", network: "br0" },
        { mac: "52:54:00:00:00:02", network: "lan" },
      ],
      firmware: "uefi",
      tpm: true,
      agentChannel: true,
    });
    expect(readDomain(domain(""))).toMatchObject({
      firmware: "bios",
      tpm: false,
      agentChannel: false,
      disks: [],
      adapters: [],
    });
    const auto = domain("").replace("<os>", "<os firmware='efi'>");
    expect(readDomain(auto).firmware).toBe("uefi");
  });
});

describe("the XML reader", () => {
  it.each(["<a><b></a>", "<a", "<a></a></a>", "", "<a>"])("refuses what is not whole: %j", (text) => {
    expect(() => parseXml(text)).toThrow(Error);
  });

  it("keeps text, entities and character data as they were written", () => {
    const parsed = parseXml(`<a x='1 &lt; 2' y="it's"><b>x &#65;&amp;</b><![CDATA[<raw>&amp;]]></a>`);
    expect(parsed).toMatchObject({
      attributes: { x: "1 < 2", y: "it's" },
      text: "<raw>&amp;",
      children: [{ text: "x A&" }],
    });
  });
});

it("reads sizes only where a medium has one", () => {
  const table =
    " Target   Capacity     Allocation   Physical\n------------\n vda      1073741824   104960000    104960000\n sdb      -            -            -\n";
  expect([...readDiskSizes(table)]).toEqual([["vda", 1_073_741_824]]);
});

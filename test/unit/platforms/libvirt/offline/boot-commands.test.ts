import { describe, expect, it } from "vitest";
import { cutId, diskId, instant, itemName } from "#domain/ids.ts";
import type { OfflinePoint } from "#platforms/libvirt/offline/list-points.ts";
import { bootCommands } from "#platforms/libvirt/offline/boot-commands.ts";

describe("the commands that boot a point by hand", () => {
  const point: OfflinePoint = {
    id: cutId("c1"),
    item: itemName("app1"),
    epoch: 1,
    takenAt: instant(0),
    consistency: "app-consistent",
    disks: [{ id: diskId("vda"), sizeBytes: 1 }],
    definition: `<domain type='kvm'><name>app one</name><uuid>9129</uuid><metadata><understudy:machine xmlns:understudy="https://understudy.dev/libvirt/1" autostart="yes"/></metadata><os><loader type='pflash'>/fw/code.fd</loader><nvram template='/fw/vars.fd'>/nvram/app.fd</nvram></os><devices>
<disk type='block' device='disk'><driver name='qemu' type='qcow2'/><source dev='/dev/vg/app'/><target dev='vda'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/scratch.raw'/><target dev='vdb'/></disk>
<disk type='file' device='cdrom'><source file='/iso/debian.iso'/><target dev='sda'/></disk>
<interface type='bridge'><source bridge='br0'/></interface><interface type='network'><source network='lan'/></interface></devices></domain>
`,
    sealedAt: instant(0),
    kept: true,
    deltaBytes: 0,
    images: [{ disk: "vda", file: "/st ore/L000001.qcow2" }],
    files: [],
  };

  it("run as they are: the definition has its disks on the overlays, and nothing of the source's", () => {
    expect(bootCommands(point, "/tmp/boot")).toBe(`# Recovery point c1: 1970-01-01T00:00:00.000Z, app-consistent
set -e
mkdir -p /tmp/boot
qemu-img create -f qcow2 -b '/st ore/L000001.qcow2' -F qcow2 /tmp/boot/vda.qcow2
# The machine as it was at that point, its disks on the overlays; its removable drives are empty.
# It needs these networks and bridges here; where one has another name, change it in machine.xml: br0, lan
# It needs these files here; where one has another name, change it in machine.xml: /fw/code.fd
cat >/tmp/boot/machine.xml <<'END_OF_MACHINE'
<domain type="kvm"><name>app one</name><uuid>9129</uuid><metadata/><os><loader type="pflash">/fw/code.fd</loader><nvram template="/fw/vars.fd">/nvram/app.fd</nvram></os><devices>
<disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="/tmp/boot/vda.qcow2"/><target dev="vda"/></disk>

<disk type="file" device="cdrom"><target dev="sda"/></disk>
<interface type="bridge"><source bridge="br0"/></interface><interface type="network"><source network="lan"/></interface></devices></domain>
END_OF_MACHINE
virsh define /tmp/boot/machine.xml
# Make sure that the machine does not run anywhere else, then:
virsh start 'app one'
`);
  });

  it("unpack the variables of a UEFI machine, say whether they are what they were, and start it with them", () => {
    const files = [{ role: "nvram", sha256: "ab12", file: "/st ore/files/ab12.gz" }];
    const text = bootCommands({ ...point, files }, "/tmp/boot");
    expect(text).toContain(`
(umask 077; gzip -dc '/st ore/files/ab12.gz' >/tmp/boot/nvram.fd)
echo 'ab12  /tmp/boot/nvram.fd' | sha256sum -c
`);
    expect(text).toContain(`<nvram template="/fw/vars.fd">/tmp/boot/nvram.fd</nvram>`);
  });

  it("are not made of a definition that is none", () => {
    expect(() => bootCommands({ ...point, definition: "<domain>" }, "/tmp/boot")).toThrow(/not XML/);
  });
});

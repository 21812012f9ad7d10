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
    definition: "<domain><name>app one</name></domain>\n",
    sealedAt: instant(0),
    kept: true,
    deltaBytes: 0,
    images: [{ disk: "vda", file: "/st ore/L000001.qcow2" }],
    files: [],
  };

  it("write to overlays only, and quote what a shell would read otherwise", () => {
    expect(bootCommands(point, "/tmp/boot")).toBe(`# Recovery point c1: 1970-01-01T00:00:00.000Z, app-consistent
mkdir -p /tmp/boot
qemu-img create -f qcow2 -b '/st ore/L000001.qcow2' -F qcow2 /tmp/boot/vda.qcow2
# The machine as it was at that point. Set each disk's <source file='…'/> to the overlay made above, and the networks to this host's:
cat >/tmp/boot/machine.xml <<'END_OF_MACHINE'
<domain><name>app one</name></domain>
END_OF_MACHINE
#   vda: /tmp/boot/vda.qcow2
\${EDITOR:-vi} /tmp/boot/machine.xml
virsh define /tmp/boot/machine.xml
# Make sure that the machine does not run anywhere else, then:
virsh start 'app one'
`);
  });

  it("unpack the variables of a UEFI machine and say whether they are what they were", () => {
    const files = [{ role: "nvram", sha256: "ab12", file: "/st ore/files/ab12.gz" }];
    const text = bootCommands({ ...point, files }, "/tmp/boot");
    expect(text).toContain(`
(umask 077; gzip -dc '/st ore/files/ab12.gz' >/tmp/boot/nvram.fd)
echo 'ab12  /tmp/boot/nvram.fd' | sha256sum -c
`);
    expect(text).toContain("<nvram> to the variables, and the networks");
    expect(text).toContain("#   <nvram>: /tmp/boot/nvram.fd\n");
  });
});

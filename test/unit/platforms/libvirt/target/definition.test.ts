import { describe, expect, it } from "vitest";
import { diskId } from "#domain/ids.ts";
import { adaptDefinition, emulatorName, namedFiles, type Adaptation } from "#platforms/libvirt/target/definition.ts";

const definition = `<domain type='kvm' id='7'>
  <name>app1</name>
  <uuid>5a3705d2-13fe-49bf-a1db-8a1536ac0f87</uuid>
  <title>Ordering &amp; billing</title>
  <metadata><other:thing xmlns:other="urn:other" keep="1"/></metadata>
  <memory unit='KiB'>262144</memory>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
    <nvram>/var/lib/libvirt/qemu/nvram/app1_VARS.fd</nvram>
  </os>
  <devices>
    <emulator>/usr/libexec/qemu-kvm</emulator>
    <disk type='block' device='disk'>
      <driver name='qemu' type='raw' cache='none' io='native'/>
      <source dev='/dev/vg/app1'/>
      <backingStore/>
      <target dev='vda' bus='virtio'/>
      <serial>WD-1</serial>
    </disk>
    <disk type='file' device='disk'><source file='/scratch.qcow2'/><target dev='vdb' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><source file='/iso/install.iso'/><target dev='sda' bus='sata'/></disk>
    <interface type='bridge'>
      <mac address='52:54:00:00:00:01'/>
      <source bridge='br0'/>
      <virtualport type='openvswitch'/>
      <target dev='vnet3'/>
      <model type='virtio'/>
    </interface>
    <interface type='network'><mac address='52:54:00:00:00:02'/><source network='back'/></interface>
    <graphics type='vnc' port='5901' autoport='no'/>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
  </devices>
</domain>`;

const adaptation = (change: Partial<Adaptation> = {}): Adaptation => ({
  machineName: "app1",
  overlays: { [diskId("vda")]: { file: "/store/machines/a/b/vda.qcow2" } },
  networks: { br0: "dr0", back: "dr-net" },
  mark: { replica: "app1@lyon", failover: "fo-1", epoch: 4 },
  facts: {
    files: new Set(["/usr/share/OVMF/OVMF_CODE_4M.fd"]),
    networks: new Set(["dr-net"]),
    bridges: new Set(["dr0"]),
    kvm: true,
    swtpm: true,
    emulator: "/usr/bin/qemu-system-x86_64",
  },
  ...change,
});

describe("a machine's definition at the target", () => {
  it("keeps everything but what differs there", () => {
    expect(adaptDefinition(definition, adaptation())).toBe(
      definition
        .replace(" id='7'", "")
        .replace("<metadata>", "<metadata>")
        .replace(
          '<other:thing xmlns:other="urn:other" keep="1"/>',
          '<other:thing xmlns:other="urn:other" keep="1"/><understudy:activation xmlns:understudy="https://understudy.dev/libvirt/1" replica="app1@lyon" failover="fo-1" epoch="4"/>',
        )
        .replace("/usr/libexec/qemu-kvm", "/usr/bin/qemu-system-x86_64")
        .replace("type='block'", "type='file'")
        .replace("type='raw'", "type='qcow2'")
        .replace("<source dev='/dev/vg/app1'/>", "<source file='/store/machines/a/b/vda.qcow2'/>")
        .replace("<backingStore/>", "")
        .replace(
          "<disk type='file' device='disk'><source file='/scratch.qcow2'/><target dev='vdb' bus='virtio'/></disk>",
          "",
        )
        .replace("<source file='/iso/install.iso'/>", "")
        .replace("bridge='br0'", "bridge='dr0'")
        .replace("<virtualport type='openvswitch'/>", "")
        .replace("<target dev='vnet3'/>", "")
        .replace("network='back'", "network='dr-net'")
        .replaceAll("'", '"') + "\n",
    );
  });

  it("gets an identity, firmware variables, ports and a network of its own for a test", () => {
    const test = adaptDefinition(
      definition,
      adaptation({ machineName: "app1-Test", uuid: "0000", nvram: "/t/nvram.fd", onlyBridge: "us-1", networks: {} }),
    );
    expect(test).toContain("<name>app1-Test</name>");
    expect(test).toContain("<uuid>0000</uuid>");
    expect(test).toContain("<nvram>/t/nvram.fd</nvram>");
    expect(test).toContain('<graphics type="vnc" port="-1" autoport="yes"/>');
    expect(test.match(/<source bridge="us-1"\/>/g)).toHaveLength(2);
    expect(test).not.toMatch(/type="network"/);
  });

  it("hangs a test's adapters on the one network that is named for it, mapped or not, and whatever they hung on", () => {
    const passed = definition.replace(
      "<graphics",
      "<interface type='hostdev'><source><address type='pci' bus='0x01'/></source></interface><graphics",
    );
    const test = adaptDefinition(passed, adaptation({ networks: {}, onlyNetwork: "dr-net" }));
    expect(test.match(/<source network="dr-net"\/>/g)).toHaveLength(3);
    expect(test).not.toMatch(/type="(bridge|hostdev)"/);
    expect(adaptDefinition(passed, adaptation({ networks: {}, onlyNetwork: "dr0" }))).not.toMatch(/type="network"/);
    expect(() => adaptDefinition(passed, adaptation({ onlyNetwork: "br0" }))).toThrow(
      "Machine app1 is to hang on br0, and this host has no network or bridge of that name; it has: dr-net, dr0.",
    );
  });

  it.each([
    ["a firmware libvirt chooses", "<os firmware='efi'><type>hvm</type></os>", "<nvram>/n.fd</nvram>"],
    [
      "the newer way to name the file",
      "<os><nvram template='/t.fd' type='file'><source file='/x.fd'/></nvram></os>",
      '<nvram template="/t.fd">/n.fd</nvram>',
    ],
    ["a block device", "<os><nvram type='block'><source dev='/dev/x'/></nvram></os>", "<nvram>/n.fd</nvram>"],
  ])("keeps its firmware's variables where it is told, with %s", (_what, os, expected) => {
    const plain = definition.replace(/<os>[^]*<\/os>/, os);
    expect(adaptDefinition(plain, adaptation({ nvram: "/n.fd" })).match(/<nvram[^]*<\/nvram>/g)).toEqual([expected]);
  });

  it("gets disks back, and loses what was only noted for the way", () => {
    const noted = definition.replace("</metadata>", "<understudy:machine autostart='yes'/></metadata>");
    const home = adaptDefinition(noted, adaptation({ reattach: ["<disk><target dev='vdb'/></disk>"] }));
    expect(home).toContain('<disk><target dev="vdb"/></disk>');
    expect(home).not.toContain("understudy:machine");
  });

  it("is refused where its TPM cannot be emulated", () => {
    const facts = { ...adaptation().facts, swtpm: false };
    expect(() => adaptDefinition(definition, adaptation({ facts }))).toThrow("it lacks swtpm, which emulates its TPM");
  });

  it("loses the mark of an earlier activation", () => {
    const once = adaptDefinition(definition, adaptation());
    const facts = { ...adaptation().facts, bridges: new Set(["br0"]), networks: new Set(["back"]) };
    const home = adaptDefinition(
      once,
      adaptation({
        networks: { dr0: "br0", "dr-net": "back" },
        mark: { replica: "app1@paris", failover: "fb-1", epoch: 5 },
        facts,
      }),
    );
    expect(home.match(/understudy:activation /g)).toHaveLength(1);
    expect(home).toContain('replica="app1@paris"');
  });

  it("is refused with everything the host lacks", () => {
    const facts = {
      files: new Set<string>(),
      networks: new Set<string>(),
      bridges: new Set<string>(),
      kvm: false,
      swtpm: true,
      emulator: undefined,
    };
    expect(() => adaptDefinition(definition, adaptation({ facts }))).toThrow(
      "Machine app1 cannot start on this host; it lacks the emulator /usr/libexec/qemu-kvm, /dev/kvm (switch virtualization on in the firmware, load kvm_intel or kvm_amd), loader /usr/share/OVMF/OVMF_CODE_4M.fd. Install what is missing and try again.",
    );
  });

  it("names the network that is not there, and those that are", () => {
    expect(() => adaptDefinition(definition, adaptation({ networks: { back: "dr-net" } }))).toThrow(
      "Machine app1 hangs on network br0, and this host has no network or bridge br0; it has: dr-net, dr0. Map br0 to one of these under networkMappings.",
    );
  });

  it("tells which files and which emulator it needs", () => {
    expect(namedFiles(definition)).toEqual([
      "/usr/share/OVMF/OVMF_CODE_4M.fd",
      "/iso/install.iso",
      "/usr/libexec/qemu-kvm",
    ]);
    expect(emulatorName(definition)).toBe("qemu-system-x86_64");
  });

  it("that is none is refused", () => {
    expect(() => adaptDefinition("<domain>", adaptation())).toThrow("is not XML");
  });
});

import { expect, test } from "vitest";
import { withoutSecrets } from "#platforms/libvirt/inventory/without-secrets.ts";

const domain = `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>app1</name>
  <description>root's password is swordfish</description>
  <metadata><other:context xmlns:other='urn:other' token='swordfish'/></metadata>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><cmdline>pass=swordfish</cmdline></os>
  <sysinfo type='smbios'><oemStrings><entry>swordfish</entry></oemStrings></sysinfo>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='network' device='cdrom'>
      <source protocol='https' name='iso/app1.iso'><host name='files' port='443'/><cookies><cookie name='session'>swordfish</cookie></cookies></source>
    </disk>
    <graphics type='vnc' port='-1' passwd='swordfish' passwdValidTo='2030-01-01T00:00:00'/>
  </devices>
  <qemu:commandline><qemu:arg value='-swordfish'/></qemu:commandline>
</domain>`;

test("A definition that leaves its site holds no password, and nothing that other tools or people wrote into it", () => {
  expect(domain.match(/swordfish/g)).toHaveLength(7);
  expect(withoutSecrets(domain)).not.toContain("swordfish");
});

test("It holds what the other site has to have for the machine", () => {
  const left = withoutSecrets(domain);
  for (const kept of [
    `<domain type="kvm"`,
    "<name>app1</name>",
    `<type arch="x86_64" machine="pc-q35-7.2">hvm</type>`,
    "<emulator>/usr/bin/qemu-system-x86_64</emulator>",
    `<graphics type="vnc" port="-1"`,
  ])
    expect(left).toContain(kept);
});

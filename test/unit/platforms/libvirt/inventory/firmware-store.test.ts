import { describe, expect, it } from "vitest";
import { firmwareStore } from "#platforms/libvirt/inventory/firmware-store.ts";

const domain = (os: string): string => `<domain type='kvm'><name>shop</name>${os}<devices/></domain>`;
const pflash = "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>";

/** As libvirt 9.0 writes them. */
describe("where the firmware keeps its variables", () => {
  it.each([
    ["a BIOS", "<os><type>hvm</type></os>", { kind: "none" }],
    ["no <os> at all", "", { kind: "none" }],
    [
      "a named file",
      `<os>${pflash}<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/var/lib/libvirt/qemu/nvram/shop_VARS.fd</nvram></os>`,
      { kind: "file", path: "/var/lib/libvirt/qemu/nvram/shop_VARS.fd" },
    ],
    [
      "a named file, in the newer way",
      `<os>${pflash}<nvram type='file'>\n<source file='/images/y.fd'/>\n</nvram></os>`,
      { kind: "file", path: "/images/y.fd" },
    ],
    [
      "a firmware that libvirt is to choose",
      "<os firmware='efi'><type>hvm</type></os>",
      { kind: "file", path: "/var/lib/libvirt/qemu/nvram/shop_VARS.fd" },
    ],
    [
      "a firmware that libvirt is to choose, with a file",
      "<os firmware='efi'><nvram>/images/x.fd</nvram></os>",
      { kind: "file", path: "/images/x.fd" },
    ],
    ["a network disk", `<os>${pflash}<nvram type='network'/></os>`, { kind: "elsewhere", type: "network" }],
    ["a firmware without variables", "<os firmware='efi'><loader stateless='yes'/></os>", { kind: "none" }],
    ["a firmware without a store", `<os>${pflash}</os>`, { kind: "none" }],
  ])("is known for %s", (_what, os, expected) => {
    expect(firmwareStore(domain(os))).toEqual(expected);
  });
});

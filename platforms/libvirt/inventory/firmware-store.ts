import { first, parseXml } from "./xml.ts";

/** Where the variables of a machine's UEFI firmware lie: its boot entries, and what else the guest stores there. */
export type FirmwareStore =
  | { readonly kind: "none" }
  | { readonly kind: "file"; readonly path: string }
  /** `type` is libvirt's: `block`, `network`. */
  | { readonly kind: "elsewhere"; readonly type: string };

/**
 * By the domain's XML. libvirt names the file in the definition of a running machine, also when it chose the firmware itself (`<os firmware='efi'>`); of one that is
 * shut off, libvirt before 9.2 does not, and the file is where it always puts it.
 */
export const firmwareStore = (definition: string): FirmwareStore => {
  const domain = parseXml(definition);
  const os = first(domain, "os");
  const loader = os === undefined ? undefined : first(os, "loader");
  const nvram = os === undefined ? undefined : first(os, "nvram");
  const chosenByLibvirt = os?.attributes["firmware"] === "efi";
  if (loader?.attributes["stateless"] === "yes" || (nvram === undefined && !chosenByLibvirt)) return { kind: "none" };
  const type = nvram?.attributes["type"] ?? "file";
  if (type !== "file") return { kind: "elsewhere", type };
  const named = nvram === undefined ? "" : (first(nvram, "source")?.attributes["file"] ?? nvram.text.trim());
  const name = first(domain, "name")?.text ?? "";
  return { kind: "file", path: named === "" ? `/var/lib/libvirt/qemu/nvram/${name}_VARS.fd` : named };
};

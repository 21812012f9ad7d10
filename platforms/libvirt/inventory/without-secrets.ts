import { type EditableElement, parseEditable, serializeEditable } from "./editable-xml.ts";

/** What people and other tools write their own things into, and what is handed to the guest or to QEMU as it stands. */
const withheldElements = [
  "metadata",
  "title",
  "description",
  "sysinfo",
  "cmdline",
  "initarg",
  "initenv",
  "launchSecurity",
  "qemu:commandline",
  "qemu:override",
  "qemu:deviceOverride",
  // Of a disk that lies on a web server: what lets it be read there.
  "cookies",
];
/** Of a screen (`graphics`), wherever libvirt tells it: always in what it gives for a migration. */
const withheldAttributes = ["passwd", "password"];

/**
 * A domain's definition without anything that may be a secret: what leaves the site, for the other one to see what the machine needs. A machine is never made from
 * it; the definition that is carried with each cut is whole, and goes from site to site as the blocks do.
 */
export const withoutSecrets = (definition: string): string => {
  const domain = parseEditable(definition);
  strip(domain);
  return `${serializeEditable(domain)}\n`;
};

function strip(element: EditableElement): void {
  for (const name of withheldAttributes) element.attributes.delete(name);
  element.children = element.children.filter(
    (child) => typeof child === "string" || !withheldElements.includes(child.name),
  );
  for (const child of element.children) if (typeof child !== "string") strip(child);
}

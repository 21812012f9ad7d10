import {
  attributeOf,
  elements,
  makeElement,
  removeChildren,
  replaceChild,
  type EditableElement,
} from "./editable-xml.ts";
import { parseEditable, serializeEditable } from "./editable-xml.ts";

/** Of what we write into a domain's `<metadata>`, which libvirt keeps for us. */
const namespace = "https://understudy.dev/libvirt/1";

/** Puts one element of ours into a domain's metadata, in place of the one of its name. */
export const setMetadata = (
  domain: EditableElement,
  name: string,
  attributes: Readonly<Record<string, string>>,
): void => {
  removeMetadata(domain, name);
  const metadata = elements(domain, "metadata")[0] ?? makeElement("metadata");
  metadata.children.push(makeElement(`understudy:${name}`, { "xmlns:understudy": namespace, ...attributes }));
  replaceChild(domain, metadata);
};

export const removeMetadata = (domain: EditableElement, name: string): void => {
  for (const metadata of elements(domain, "metadata"))
    removeChildren(metadata, (child) => child.name === `understudy:${name}`);
};

/** What libvirt keeps of a machine beside its definition. */
export interface MachineSettings {
  /** Started by the host itself when that starts. */
  readonly autostart: boolean;
}

/** The definition with the settings in it, as a cut carries it. */
export const withSettings = (definition: string, { autostart }: MachineSettings): string => {
  const domain = parseEditable(definition);
  setMetadata(domain, "machine", { autostart: autostart ? "yes" : "no" });
  return `${serializeEditable(domain)}\n`;
};

/** The settings a carried definition holds; undefined for one that was carried without. */
export const settingsOf = (definition: string): MachineSettings | undefined => {
  const autostart = attributeOf(elements(parseEditable(definition), "metadata", "understudy:machine")[0], "autostart");
  return autostart === undefined ? undefined : { autostart: autostart === "yes" };
};

/** Reads what `virsh dominfo` prints. */
export const readAutostart = (dominfo: string): boolean => /^Autostart:\s+enable/m.test(dominfo);

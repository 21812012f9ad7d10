import { describe, expect, it } from "vitest";
import { readAutostart, settingsOf, withSettings } from "#platforms/libvirt/inventory/metadata.ts";

const bare = "<domain type='kvm'><name>shop</name><devices/></domain>";
const described =
  "<domain type='kvm'><name>shop</name><metadata><o:os xmlns:o='http://libosinfo.org'/></metadata></domain>";

describe("what libvirt keeps beside a definition", () => {
  it.each([bare, described])("is carried in it and read from it, the rest stays as it was: %s", (definition) => {
    const carried = withSettings(definition, { autostart: true });
    expect(settingsOf(carried)).toEqual({ autostart: true });
    expect(settingsOf(withSettings(carried, { autostart: false }))).toEqual({ autostart: false });
    expect(
      carried
        .replace(/<understudy:machine[^>]*>/, "")
        .replace("<metadata></metadata>", "")
        .trim(),
    ).toBe(definition.replaceAll("'", '"'));
  });

  it("is unknown of a definition that was carried without", () => {
    expect(settingsOf(bare)).toBeUndefined();
  });

  it("is read from what libvirt prints", () => {
    expect(readAutostart("Persistent:     yes\nAutostart:      enable\nManaged save:   no\n")).toBe(true);
    expect(readAutostart("Persistent:     yes\nAutostart:      disable\n")).toBe(false);
  });
});

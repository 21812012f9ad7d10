import { expect, it } from "vitest";
import type { Host } from "#domain/configuration.ts";
import { hostName } from "#domain/ids.ts";
import { openPlatform } from "#platforms/registry.ts";

const host = (kind: string): Host => ({
  name: hostName("paris1"),
  kind,
  address: "192.0.2.1",
  port: 22,
  user: "root",
  hostKey: "ssh-ed25519 AAAA",
  store: "/var/lib/understudy",
});
const context = { onWarning: () => undefined };

it("opens a libvirt host, for both roles, without reaching for it yet", async () => {
  await using platform = await openPlatform(host("libvirt"), context);
  expect(platform.kind).toBe("libvirt");
  expect(platform.source).toBeDefined();
  expect(platform.target).toBeDefined();
});

it.each(["libvrit", "toString", ""])("refuses the kind %j with those there are", async (kind) => {
  await expect(openPlatform(host(kind), context)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("There are: libvirt") as string,
  });
});

it("helps with a kind that is nearly right", async () => {
  await expect(openPlatform(host("libvrit"), context)).rejects.toThrow('Do you mean "libvirt"?');
});

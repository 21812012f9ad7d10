import { writeFile } from "node:fs/promises";
import path from "node:path";

import { describe, expect, it } from "vitest";

import { dependenciesOf, findModules, loadOrder } from "#lab/guest/modules.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";

const module = (depends: string): Buffer => Buffer.from(`\x7fELF\0license=GPL\0depends=${depends}\0name=x\0`, "latin1");

describe("loadOrder", () => {
  it("loads every module after all it depends on, and none twice", async () => {
    using folder = temporaryDir();
    const files = {
      "virtio-blk": "virtio,virtio_ring",
      virtio: "virtio_ring",
      virtio_ring: "",
      "virtio-net": "virtio",
    };
    for (const [name, depends] of Object.entries(files))
      await writeFile(path.join(folder.path, `${name}.ko`), module(depends));
    const order = await loadOrder(["virtio_blk", "virtio_net"], await findModules(folder.path));
    expect(order).toEqual(["virtio_ring", "virtio", "virtio_blk", "virtio_net"]);
  });

  it("names a module the kernel does not have", async () => {
    await expect(loadOrder(["ahci"], new Map())).rejects.toThrow("The guest's kernel has no module ahci.");
  });
});

describe("dependenciesOf", () => {
  it("answers none for a module that says nothing of them", () => {
    expect(dependenciesOf(Buffer.from("\x7fELF\0license=GPL\0"))).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { tellStartedFromFailed } from "#platforms/libvirt/source/started-or-failed.ts";
import type { BlockSource } from "#transfer/block.ts";

const { signal } = new AbortController();
const unused = () => Promise.reject(new Error("not asked for"));

/** An image whose metadata changes under its reader, of a machine that is found in that state. */
const reading = (state: "running" | "shut off") => {
  const host: HostConnection = {
    name: "paris1",
    run: unused,
    monitor: unused,
    openUnix: unused,
    virsh: async () => await Promise.resolve([`${state}\n`]),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const fault = new Fault("NBD_FAILED", "Input/output error");
  const source: BlockSource = {
    sizeBytes: 1 << 20,
    // oxlint-disable-next-line require-yield
    async *extents() {
      await Promise.resolve();
      throw fault;
    },
    read: () => Promise.reject(fault),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return tellStartedFromFailed(source, { host, machine: "app1" });
};
const mapping = async (source: BlockSource) => {
  for await (const _ of source.extents({ signal }));
};

describe("an image that is read as it lies, when its reading fails", () => {
  it.each([
    ["running", "CUT_BROKEN"],
    ["shut off", "NBD_FAILED"],
  ] as const)("is told, with the machine %s, as %s", async (state, code) => {
    await expect(reading(state).read(0, new Uint8Array(65_536), signal)).rejects.toMatchObject({ code });
    await expect(mapping(reading(state))).rejects.toMatchObject({ code });
  });
});

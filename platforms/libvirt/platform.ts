import type { Platform, PlatformContext } from "../platform.ts";
import { createLibvirtInventory } from "./inventory/inventory.ts";
import { createLibvirtSource } from "./source/source.ts";
import { connectHost } from "./ssh/connect-host.ts";
import { createLibvirtTarget } from "./target/target.ts";

/** One KVM host under libvirt, reached over SSH: machines can be replicated from it and replicas kept on it. Nothing is opened before it is needed. */
export const createLibvirtPlatform = (context: PlatformContext): Promise<Platform> => {
  const { host } = context;
  const connection = connectHost({ host });
  return Promise.resolve({
    kind: "libvirt",
    inventory: createLibvirtInventory(connection),
    source: createLibvirtSource(connection, { store: host.store }),
    target: createLibvirtTarget(connection, {
      store: host.store,
      onWarning: (problem) => {
        context.onWarning(problem);
      },
    }),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  });
};

import { machineId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";
import type { Operation } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { readDiskSizes } from "./disk-sizes.ts";
import { readDomain } from "./domain-xml.ts";
import { readAutostart } from "./metadata.ts";

/** States of a domain that has no QEMU process. A paused machine has one: it runs, as far as its disks are concerned. */
const offStates = ["shut off", "crashed"];

/**
 * One machine as it is now. `definition` is what a running machine was really started with (hot-plugged disks included), free of what only this host knows,
 * whole: a screen's password is in it. Rejects with `MACHINE_NOT_FOUND`.
 */
export const readMachine = async (host: HostConnection, nameOrId: string, op: Operation): Promise<Machine> => {
  const bounds = { signal: op.signal, timeoutMs: 20_000, purpose: `read machine ${nameOrId}` };
  const [state = ""] = await host.virsh([["domstate", nameOrId]], bounds);
  const running = !offStates.includes(state.trim());
  const [definition = "", sizeTable = "", info = ""] = await host.virsh(
    [
      ["dumpxml", nameOrId, running ? "--migratable" : "--inactive"],
      ["domblkinfo", nameOrId, "--all"],
      ["dominfo", nameOrId],
    ],
    bounds,
  );
  const domain = readDomain(definition);
  const sizes = readDiskSizes(sizeTable);
  return {
    id: machineId(domain.uuid),
    name: domain.name,
    disks: domain.disks.map(({ id, format, location }) => ({ id, sizeBytes: sizes.get(id) ?? 0, format, location })),
    adapters: domain.adapters,
    firmware: domain.firmware,
    tpm: domain.tpm,
    running,
    autostart: readAutostart(info),
    definition,
  };
};

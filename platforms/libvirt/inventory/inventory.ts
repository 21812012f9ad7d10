import { Fault, isFault } from "#domain/fault.ts";
import type { Machine } from "#domain/machine.ts";
import { nearest } from "#domain/nearest.ts";
import type { Inventory, Operation } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { readMachine } from "./read-machine.ts";
import { withoutSecrets } from "./without-secrets.ts";

/** The machines and networks of one libvirt host. */
export const createLibvirtInventory = (host: HostConnection): Inventory => ({
  async list(op) {
    const machines: Machine[] = [];
    for (const id of await lines(host, ["list", "--all", "--uuid"], op)) {
      const machine = await described(host, id, op).catch((error: unknown) => {
        // Undefined between the list and the look.
        if (isFault(error) && error.code === "MACHINE_NOT_FOUND") return undefined;
        throw error;
      });
      if (machine !== undefined) machines.push(machine);
    }
    return machines.toSorted((a, b) => a.name.localeCompare(b.name));
  },
  async find(nameOrId, op) {
    try {
      return await described(host, nameOrId, op);
    } catch (error) {
      if (!isFault(error) || error.code !== "MACHINE_NOT_FOUND") throw error;
      throw notFound(host.name, nameOrId, await lines(host, ["list", "--all", "--name"], op));
    }
  },
  async networks(op) {
    const { stdout: bridges } = await host.run(
      `for each in /sys/class/net/*/bridge; do [ -d "$each" ] && basename "\${each%/bridge}"; done; true`,
      [],
      { signal: op.signal, timeoutMs: 10_000, purpose: "list the bridges" },
    );
    const names = [...(await libvirtNetworks(host, op)), ...bridges.split("\n").filter((name) => name !== "")];
    return [...new Set(names)].toSorted();
  },
});

/** As it is told outside of its site. */
const described = async (host: HostConnection, nameOrId: string, op: Operation): Promise<Machine> => {
  const machine = await readMachine(host, nameOrId, op);
  return { ...machine, definition: withoutSecrets(machine.definition) };
};

const notFound = (host: string, asked: string, known: readonly string[]): Fault => {
  const meant = nearest(asked, known);
  const there =
    known.length === 0
      ? "It has none."
      : `It has: ${known.toSorted().slice(0, 12).join(", ")}${known.length > 12 ? ", …" : ""}.`;
  return new Fault(
    "MACHINE_NOT_FOUND",
    `Host ${host} has no machine "${asked}".${meant === undefined ? "" : ` Do you mean "${meant}"?`} ${there}`,
    { details: { host, machine: asked, known } },
  );
};

/** A host without libvirt's network driver has bridges only. */
const libvirtNetworks = async (host: HostConnection, op: Operation): Promise<readonly string[]> => {
  try {
    return await lines(host, ["net-list", "--all", "--name"], op);
  } catch (error) {
    if (isFault(error) && /not supported by the connection driver/i.test(error.message)) return [];
    throw error;
  }
};

const lines = async (host: HostConnection, command: readonly string[], op: Operation): Promise<readonly string[]> => {
  const [output = ""] = await host.virsh([command], {
    signal: op.signal,
    timeoutMs: 20_000,
    purpose: command[0] === "net-list" ? "list the networks" : "list the machines",
  });
  return output.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
};

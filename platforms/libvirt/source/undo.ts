import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import type { ItemName, MachineId } from "#domain/ids.ts";
import type { HostConnection, QmpCommand } from "../host.ts";
import { below, type BlockGraph, readBlockGraph } from "./block-graph.ts";
import { itemPrefix, roleOf } from "./node-names.ts";

/**
 * Takes everything of an item's cuts out of a running machine's graph, from whatever point a worker left it at: only what is found is undone, in the reverse
 * of the order in which it is built. Tracking records stay. Does nothing where nothing is.
 */
export const undoGraph = async (
  host: HostConnection,
  request: {
    readonly machine: MachineId;
    readonly item: ItemName;
    readonly folder: string;
    readonly graph: BlockGraph;
  },
  signal: AbortSignal,
): Promise<void> => {
  const { machine, graph, folder } = request;
  const ours = itemPrefix(request.item);
  const bounds = { signal, timeoutMs: 30_000, purpose: `end the cut of machine ${machine}` };
  const exports = graph.exports.filter((id) => id.startsWith(ours));
  const nodes = [...graph.nodes.values()].filter(({ name }) => name.startsWith(ours));
  const bitmaps = [...graph.nodes.values()].flatMap((node) =>
    node.bitmaps.filter(({ name }) => name.startsWith(ours)).map(({ name }) => ({ node: node.name, name })),
  );
  if (exports.length > 0) await endExports(host, { machine, exports }, signal);
  const commands = [
    ...remove(nodes, "acc"),
    ...openGates(graph, ours),
    ...graph.devices
      .filter(({ root }) => root.startsWith(ours))
      .map(({ path, root }) => ({
        execute: "qom-set",
        arguments: { path, property: "drive", value: below(graph, root, ours) },
      })),
    ...remove(nodes, "gat"),
    ...remove(nodes, "cbw"),
    ...remove(nodes, "scr"),
    ...bitmaps.map((bitmap) => ({ execute: "block-dirty-bitmap-remove", arguments: bitmap })),
  ];
  if (commands.length > 0) await host.monitor(machine, commands, bounds);
  await stopServer(host, { machine, socket: socketPath(folder) }, signal);
};

export const socketPath = (folder: string): string => `${folder}/nbd.sock`;

const remove = (nodes: readonly { readonly name: string }[], role: string): readonly QmpCommand[] =>
  nodes
    .filter(({ name }) => roleOf(name) === role)
    .map(({ name }) => ({ execute: "blockdev-del", arguments: { "node-name": name } }));

/** The filters can only be taken away once no gate stands above them. */
const openGates = (graph: BlockGraph, ours: string): readonly QmpCommand[] => {
  const closed = [...graph.nodes.values()].filter(
    ({ name, children }) =>
      name.startsWith(ours) && roleOf(name) === "gat" && (children["file"] ?? "").startsWith(ours),
  );
  if (closed.length === 0) return [];
  return [switchGates(closed.map(({ name }) => ({ gate: name, file: below(graph, name, ours) })))];
};

/** Gives all gates another node to read and write, all in one instant: QEMU holds every disk's requests back while it switches. */
export const switchGates = (gates: readonly { readonly gate: string; readonly file: string }[]): QmpCommand => ({
  execute: "blockdev-reopen",
  arguments: { options: gates.map(({ gate, file }) => ({ driver: "raw", "node-name": gate, file })) },
});

const endExports = async (
  host: HostConnection,
  request: { readonly machine: MachineId; readonly exports: readonly string[] },
  signal: AbortSignal,
): Promise<void> => {
  const { machine, exports } = request;
  const bounds = { signal, timeoutMs: 15_000, purpose: `close the exports of machine ${machine}` };
  const close = exports.map((id) => ({ execute: "block-export-del", arguments: { id, mode: "hard" } }));
  await host.monitor(machine, close, bounds).catch((error: unknown) => {
    // Closing already, since an earlier attempt: waiting for the end is what remains.
    if (!(error instanceof Fault) || !/already shutting down|not found/i.test(error.message)) throw error;
  });
  for (const deadline = Date.now() + 10_000; ;) {
    const [left] = await host.monitor(machine, [{ execute: "query-block-exports" }], bounds);
    if (!(left as readonly { readonly id: string }[]).some(({ id }) => exports.includes(id))) return;
    if (Date.now() > deadline)
      throw new Fault(
        "COMMAND_TIMED_OUT",
        `QEMU did not close the exports of machine ${machine} on host ${host.name} within 10 s.`,
        {
          details: { host: host.name, machine },
        },
      );
    await sleep(5, undefined, { signal });
  }
};

/** Ends QEMU's NBD server only where it is ours (it listens on our socket): a backup tool may have started one meanwhile. */
const stopServer = async (
  host: HostConnection,
  request: { readonly machine: MachineId; readonly socket: string },
  signal: AbortSignal,
): Promise<void> => {
  if ((await listening(host, request.socket, signal)) === "no") return;
  await host.monitor(request.machine, [{ execute: "nbd-server-stop" }], {
    signal,
    timeoutMs: 10_000,
    purpose: `stop the NBD server of machine ${request.machine}`,
  });
};

/** Whether a process of the host listens on that unix socket; `unreachable`: it does, but the file it was found by is gone. */
export const listening = async (
  host: HostConnection,
  socket: string,
  signal: AbortSignal,
): Promise<"yes" | "unreachable" | "no"> => {
  const { stdout } = await host.run(
    `if ! grep -qF -- " $1" /proc/net/unix; then echo no; elif [ -S "$1" ]; then echo yes; else echo unreachable; fi`,
    [socket],
    { signal, timeoutMs: 10_000, purpose: "look for a listening socket" },
  );
  const found = stdout.trim();
  return found === "yes" || found === "unreachable" ? found : "no";
};

/** The graph again, and everything of ours out of it. */
export const readAndUndo = async (
  host: HostConnection,
  request: { readonly machine: MachineId; readonly item: ItemName; readonly folder: string },
  signal: AbortSignal,
): Promise<void> => {
  const graph = await readBlockGraph(host, request.machine, { signal });
  await undoGraph(host, { ...request, graph }, signal);
};

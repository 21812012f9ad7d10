import { Fault } from "#domain/fault.ts";
import type { HostConnection, QmpCommand } from "#platforms/libvirt/host.ts";

interface Node {
  readonly driver: string;
  readonly children: Record<string, string>;
  readonly bitmaps: Map<string, { persistent: boolean; recording: boolean }>;
}

/**
 * A host with one running machine whose block graph is modelled: QEMU's rules of what may be added, switched and removed when hold, so that a wrong order fails.
 * Of the scripts, only what they do to the cut file is modelled. `die` lets so many commands through and then none.
 */
export interface ModelledHost {
  readonly connection: HostConnection;
  /** What the host's files say of the machine, for the scripts that ask: the fence's mark, that of a held start, and how the firmware's variables can be read. */
  readonly files: { fence: string; held: string; variables: (known: string) => string };
  /** Written into the definition, in the place of the firmware. */
  os: string;
  autostart: boolean;
  /** The QMP commands so far, in order. */
  readonly executed: readonly string[];
  /** Everything of ours that is in the graph. */
  leftovers(): readonly string[];
  records(): readonly string[];
  driveOf(disk: string): string | undefined;
  die(after: number): void;
  revive(): void;
  /** The machine starts anew with what its images keep. */
  restart(): void;
}

export const modelHost = (disks: readonly string[]): ModelledHost => {
  const image = (disk: string): string => `/images/${disk}.qcow2`;
  const cutFiles = new Map<string, string>();
  const write = (folder: string, text: string): string => {
    cutFiles.set(folder, text);
    return Date.now().toString();
  };
  /** What the scripts do to an item's folder, by what they are run for. */
  const scripts: Readonly<Record<string, (folder: string, stdin: string, second: string) => string>> = {
    "read which cut stands": (folder) => cutFiles.get(folder) ?? "",
    "write which cut stands": write,
    "make room for what the machine overwrites while it is read": write,
    "look for a listening socket": () => "no",
    "end the serving of images": () => "",
    "free the scratch space": (folder) => write(folder, ""),
    "read the firmware's variables": (_path, _stdin, known) => files.variables(known),
  };
  const files = { fence: "", held: "", variables: (_known: string) => "missing\n" };

  const nodes = new Map<string, Node>();
  const drives = new Map<string, string>();
  const exports = new Map<string, string>();
  const executed: string[] = [];
  let left = Number.POSITIVE_INFINITY;
  const add = (name: string, driver: string, children: Record<string, string> = {}): void => {
    nodes.set(name, { driver, children, bitmaps: new Map() });
  };
  for (const disk of disks) {
    add(`libvirt-${disk}`, "qcow2");
    drives.set(disk, `libvirt-${disk}`);
  }

  const refuse = (execute: string, problem: string): Fault =>
    new Fault("COMMAND_FAILED", `QEMU refuses ${execute}: ${problem}`);
  const node = (execute: string, name: unknown): Node => {
    const found = nodes.get(String(name));
    if (found === undefined) throw refuse(execute, `no node ${String(name)}`);
    return found;
  };
  const usersOf = (name: string): readonly string[] => [
    ...[...nodes].filter(([, { children }]) => Object.values(children).includes(name)).map(([user]) => user),
    ...[...drives].filter(([, root]) => root === name).map(([disk]) => disk),
    ...[...exports].filter(([, root]) => root === name).map(([id]) => id),
  ];
  /** A filter wants to be the only way to what it filters, once it is used itself. */
  const checkWriters = (execute: string): void => {
    for (const [name, { driver, children }] of nodes)
      if (driver === "copy-before-write" && usersOf(name).some((user) => nodes.get(user)?.driver !== "snapshot-access"))
        if (
          usersOf(children["file"] ?? "").some(
            (user) => user !== name && (drives.has(user) || nodes.get(user)?.driver === "raw"),
          )
        )
          throw refuse(execute, "Permission conflict");
  };

  const execute = ({ execute: name, arguments: given = {} }: QmpCommand): unknown => {
    switch (name) {
      case "query-block":
        return [...drives].map(([disk, root]) => ({
          qdev: `/machine/peripheral/alias-${disk}/backend`,
          inserted: { "node-name": root },
        }));
      case "query-named-block-nodes":
        return [...nodes].map(([each, { driver, bitmaps }]) => ({
          "node-name": each,
          drv: driver,
          ro: false,
          image: { "virtual-size": 64 * 1024 * 1024, filename: image(each.replace("libvirt-", "")) },
          "dirty-bitmaps": [...bitmaps].map(([bitmap, flags]) => ({ name: bitmap, busy: false, ...flags })),
        }));
      case "x-debug-query-block-graph": {
        const names = [...nodes.keys()];
        return {
          nodes: names.map((each, id) => ({ id, name: each })),
          edges: [...nodes].flatMap(([each, { children }]) =>
            Object.entries(children).map(([edge, child]) => ({
              name: edge,
              parent: names.indexOf(each),
              child: names.indexOf(child),
            })),
          ),
        };
      }
      case "query-block-exports":
        return [...exports.keys()].map((id) => ({ id }));
      case "transaction":
        for (const { type, data } of given["actions"] as readonly { type: string; data: Record<string, unknown> }[])
          execute({ execute: type, arguments: data });
        return {};
      case "block-dirty-bitmap-add": {
        const { bitmaps } = node(name, given["node"]);
        if (bitmaps.has(String(given["name"]))) throw refuse(name, "Bitmap already exists");
        bitmaps.set(String(given["name"]), {
          persistent: given["persistent"] === true,
          recording: given["disabled"] !== true,
        });
        return {};
      }
      case "block-dirty-bitmap-remove":
        if (!node(name, given["node"]).bitmaps.delete(String(given["name"])))
          throw refuse(name, "Dirty bitmap not found");
        return {};
      case "blockdev-add": {
        const own = String(given["node-name"]);
        if (nodes.has(own)) throw refuse(name, "Duplicate nodes");
        if (own.length > 31) throw refuse(name, "Invalid node-name");
        const children = Object.fromEntries(
          ["file", "target"].flatMap((edge) => (typeof given[edge] === "string" ? [[edge, given[edge]]] : [])),
        ) as Record<string, string>;
        for (const child of Object.values(children)) node(name, child);
        add(own, String(given["driver"]), children);
        return {};
      }
      case "blockdev-del": {
        const own = String(given["node-name"]);
        node(name, own);
        if (usersOf(own).length > 0) throw refuse(name, `Node ${own} is in use`);
        nodes.delete(own);
        return {};
      }
      case "qom-set": {
        const disk = /alias-(\w+)\//.exec(String(given["path"]))?.[1] ?? "";
        node(name, given["value"]);
        const before = drives.get(disk) ?? "";
        drives.set(disk, String(given["value"]));
        try {
          checkWriters(name);
        } catch (error) {
          drives.set(disk, before);
          throw error;
        }
        return {};
      }
      case "blockdev-reopen": {
        for (const { "node-name": gate, file } of given["options"] as readonly {
          "node-name": string;
          file: string;
        }[]) {
          node(name, file);
          node(name, gate).children["file"] = file;
        }
        checkWriters(name);
        return {};
      }
      default:
        throw refuse(name, "The command has not been found");
    }
  };
  const spend = (): void => {
    if (left-- <= 0) throw new Fault("INTERNAL", "the worker is dead");
  };
  const ours = (name: string): boolean => name.startsWith("us-");
  const connection: HostConnection = {
    name: "paris1",
    run: async (_script, [folder = "", second = ""], { purpose, stdin = "" }) => {
      spend();
      if (/^see whether machine .* is fenced$/.test(purpose)) return { stdout: files.fence, stderr: "" };
      if (/^see whether the start of machine .* is held$/.test(purpose))
        return { stdout: `boot-1\n${files.held}`, stderr: "" };
      const script = scripts[purpose];
      if (script === undefined) throw new Fault("INTERNAL", `no script is modelled to ${purpose}`);
      return { stdout: script(folder, stdin, second), stderr: "" };
    },
    virsh: async (commands) => {
      spend();
      return commands.map(([command]) =>
        command === "domstate"
          ? "running\n"
          : command === "dominfo"
            ? `Autostart:      ${model.autostart ? "enable" : "disable"}\n`
            : `<domain><name>app1</name>${model.os}<devices>${disks.map((disk) => `<disk><driver type='qcow2'/><target dev='${disk}'/><alias name='alias-${disk}'/></disk>`).join("")}</devices></domain>`,
      );
    },
    monitor: async (_machine, commands) =>
      commands.map((command) => {
        spend();
        executed.push(command.execute);
        return execute(command);
      }),
    openUnix: () => Promise.reject(new Fault("COMMAND_FAILED", "there is no socket here")),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const model: ModelledHost = {
    connection,
    files,
    os: "",
    autostart: false,
    executed,
    leftovers: () => [
      ...[...nodes.keys()].filter(ours),
      ...[...exports.keys()],
      ...[...nodes.values()].flatMap(({ bitmaps }) => [...bitmaps.keys()].filter(ours)),
    ],
    records: () => [...nodes.values()].flatMap(({ bitmaps }) => [...bitmaps.keys()].filter((name) => !ours(name))),
    driveOf: (disk) => drives.get(disk),
    die(after) {
      left = after;
    },
    revive() {
      left = Number.POSITIVE_INFINITY;
    },
    restart() {
      for (const name of nodes.keys()) if (ours(name)) nodes.delete(name);
      for (const disk of disks) drives.set(disk, `libvirt-${disk}`);
      exports.clear();
    },
  };
  return model;
};

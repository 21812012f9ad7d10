import type { HostConnection, QmpCommand } from "../host.ts";

export interface Bitmap {
  readonly name: string;
  readonly recording: boolean;
  readonly busy: boolean;
  readonly persistent: boolean;
  readonly inconsistent: boolean;
}

export interface BlockNode {
  readonly name: string;
  readonly driver: string;
  readonly sizeBytes: number;
  /** The file the node's content is in. */
  readonly filename: string;
  readonly readOnly: boolean;
  readonly bitmaps: readonly Bitmap[];
  /** By the edge's name: `file`, `backing`, `target`. */
  readonly children: Readonly<Record<string, string>>;
}

export interface BlockDevice {
  /** The QOM path whose property `drive` names the root node. */
  readonly path: string;
  readonly root: string;
}

/** A machine's block graph as QEMU has it at one moment. */
export interface BlockGraph {
  readonly nodes: ReadonlyMap<string, BlockNode>;
  readonly devices: readonly BlockDevice[];
  readonly exports: readonly string[];
}

interface QueryBlock {
  readonly qdev?: string;
  readonly inserted?: { readonly "node-name"?: string };
}
interface QueryNode {
  readonly "node-name": string;
  readonly drv: string;
  readonly ro: boolean;
  readonly image: { readonly "virtual-size": number; readonly filename: string };
  readonly "dirty-bitmaps"?: readonly {
    readonly name?: string;
    readonly recording: boolean;
    readonly busy: boolean;
    readonly persistent: boolean;
    readonly inconsistent?: boolean;
  }[];
}
interface QueryGraph {
  readonly nodes: readonly { readonly id: number; readonly name: string }[];
  readonly edges: readonly { readonly parent: number; readonly child: number; readonly name: string }[];
}
interface QueryExport {
  readonly id: string;
}

/** The edges come from a command marked as unstable; QEMU has it, unchanged, from 4.0 on, and there is no other way to see them. */
const queries: readonly QmpCommand[] = [
  { execute: "query-block" },
  { execute: "query-named-block-nodes", arguments: { flat: true } },
  { execute: "x-debug-query-block-graph" },
  { execute: "query-block-exports" },
];

/** Reads it. Four QMP commands, about 10 ms. */
export const readBlockGraph = async (
  host: HostConnection,
  machine: string,
  options: { readonly signal: AbortSignal },
): Promise<BlockGraph> => {
  const bounds = { signal: options.signal, timeoutMs: 15_000, purpose: `read the disks of machine ${machine}` };
  const [blocks, nodes, graph, exports] = (await host.monitor(machine, queries, bounds)) as [
    readonly QueryBlock[],
    readonly QueryNode[],
    QueryGraph,
    readonly QueryExport[],
  ];
  const names = new Map(graph.nodes.map(({ id, name }) => [id, name]));
  const childrenOf = (parentName: string): Readonly<Record<string, string>> =>
    Object.fromEntries(
      graph.edges.flatMap(({ parent, child, name }) =>
        names.get(parent) === parentName ? [[name, names.get(child) ?? ""]] : [],
      ),
    );
  // An image whose backing file libvirt names itself is called "json:{…}" by QEMU; the node below it has the path.
  const filenameOf = (node: QueryNode): string => {
    const file = nodes.find((other) => other["node-name"] === childrenOf(node["node-name"])["file"]);
    return node.image.filename.startsWith("json:") && file !== undefined ? filenameOf(file) : node.image.filename;
  };
  return {
    devices: blocks.flatMap(({ qdev, inserted }) => {
      const root = inserted?.["node-name"];
      if (qdev === undefined || root === undefined) return [];
      return [{ path: qdev.startsWith("/") ? qdev : `/machine/peripheral/${qdev}`, root }];
    }),
    nodes: new Map(
      nodes.map((node) => [
        node["node-name"],
        {
          name: node["node-name"],
          driver: node.drv,
          sizeBytes: node.image["virtual-size"],
          filename: filenameOf(node),
          readOnly: node.ro,
          bitmaps: (node["dirty-bitmaps"] ?? []).flatMap(({ name, recording, busy, persistent, inconsistent }) =>
            name === undefined ? [] : [{ name, recording, busy, persistent, inconsistent: inconsistent === true }],
          ),
          children: childrenOf(node["node-name"]),
        },
      ]),
    ),
    exports: exports.map(({ id }) => id),
  };
};

/** Drivers that hand everything through to their `file`; libvirt puts some of them above an image. */
const filters = new Set(["copy-on-read", "throttle", "copy-before-write", "preallocate"]);

/** The node just below everything of ours: what the device's drive is when no cut stands. */
export const below = (graph: BlockGraph, name: string, ours: string): string => {
  let at = name;
  while (at.startsWith(ours)) {
    const child = graph.nodes.get(at)?.children["file"];
    if (child === undefined) return at;
    at = child;
  }
  return at;
};

/** The image below filters: where records live. */
export const imageNode = (graph: BlockGraph, name: string): BlockNode | undefined => {
  let node = graph.nodes.get(name);
  while (node !== undefined && filters.has(node.driver)) node = graph.nodes.get(node.children["file"] ?? "");
  return node;
};

import { readFileSync } from "node:fs";
import { cutId, diskId, instant, itemName, replicaId } from "#domain/ids.ts";
import { openNbdSource } from "#transfer/nbd/open.ts";
import { connectReplica } from "#transfer/stream/connect.ts";
import { fileSource } from "./file-replica.ts";
import type { BenchCertificates } from "./site.ts";

/**
 * The source site's worker of a benchmark: `source-worker.ts CERTIFICATES SOURCE ADDRESS PORT copy|resynchronize`, where SOURCE is a file or
 * `unix:SOCKET`. Prints what it took, from the connection's first byte to the acknowledged flush.
 */
const [certificates = "", from = "", address = "", port = "", verb = ""] = process.argv.slice(2);
const { source: tls } = JSON.parse(readFileSync(certificates, "utf8")) as BenchCertificates;
const signal = AbortSignal.timeout(600_000);
const source = from.startsWith("unix:")
  ? await openNbdSource({ transport: { kind: "unix", path: from.slice(5) }, exportName: "", connections: 2, signal })
  : await fileSource(from);

const cpuBefore = process.cpuUsage();
const started = performance.now();
const session = await connectReplica(
  { address, port: Number(port), site: "target", tls, replica: replicaId("bench"), epoch: 1 },
  signal,
);
const disk = diskId("disk");
const cut = {
  id: cutId(`cut-${process.pid}`),
  item: itemName("bench"),
  epoch: 1,
  takenAt: instant(Date.now()),
  consistency: "crash-consistent",
  disks: [{ id: disk, sizeBytes: source.sizeBytes }],
  definition: "",
} as const;
const resynchronize = verb === "resynchronize";
await session.begin({ cut, mode: resynchronize ? "resynchronize" : "full" }, signal);
const request = {
  disk,
  source,
  from: 0,
  bytesPerSecond: () => undefined,
  compression: "adaptive",
  onProgress: () => undefined,
  signal,
} as const;
const result = await (resynchronize ? session.resynchronize(request) : session.copy(request));
const seconds = (performance.now() - started) / 1_000;
const { user, system } = process.cpuUsage(cpuBefore);
await session[Symbol.asyncDispose]();
process.stdout.write(`${JSON.stringify({ ...result, seconds, cpuSeconds: (user + system) / 1e6 })}\n`);
process.exit(0);

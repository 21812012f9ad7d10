import { readFileSync } from "node:fs";
import { cutId, diskId, instant, itemName, replicaId } from "#domain/ids.ts";
import { openNbdSource } from "#transfer/nbd/open.ts";
import { connectReplica } from "#transfer/stream/connect.ts";
import type { CopyResult } from "#transfer/session.ts";
import { fileSource } from "./file-replica.ts";
import type { BenchCertificates } from "./site.ts";

/**
 * The source site's worker of a benchmark: `source-worker.ts CERTIFICATES SOURCE ADDRESS PORT copy|resynchronize [warm]`, where SOURCE is a file or
 * `unix:SOCKET`. Prints what it took, from the connection's first byte to the acknowledged flush.
 */
const [certificates = "", from = "", address = "", port = "", verb = "", warmUp = ""] = process.argv.slice(2);
const { source: tls } = JSON.parse(readFileSync(certificates, "utf8")) as BenchCertificates;
const signal = AbortSignal.timeout(600_000);
const source = from.startsWith("unix:")
  ? await openNbdSource({ transport: { kind: "unix", path: from.slice(5) }, exportName: "", connections: 2, signal })
  : await fileSource(from);

const disk = diskId("disk");
const resynchronize = verb === "resynchronize";

/** One session: connect, begin, copy from an offset on, close. */
async function copyOnce(cutName: string, from: number, discard: boolean): Promise<CopyResult> {
  const session = await connectReplica(
    { address, port: Number(port), site: "target", tls, replica: replicaId("bench"), epoch: 1 },
    signal,
  );
  const cut = {
    id: cutId(cutName),
    item: itemName("bench"),
    epoch: 1,
    takenAt: instant(Date.now()),
    consistency: "crash-consistent",
    disks: [{ id: disk, sizeBytes: source.sizeBytes }],
    definition: "",
  } as const;
  await session.begin({ cut, mode: resynchronize ? "resynchronize" : "full" }, signal);
  const request = {
    disk,
    source,
    from,
    bytesPerSecond: () => undefined,
    compression: "adaptive",
    onProgress: () => undefined,
    signal,
  } as const;
  const result = await (resynchronize ? session.resynchronize(request) : session.copy(request));
  // So that what a warm-up wrote is not taken away in the time that is measured.
  if (discard) await session.discardIncoming(signal);
  await session[Symbol.asyncDispose]();
  return result;
}

// A worker has run for days when it copies; a tenth of the image (where it has data) makes these two as warm. Over a slow link only the link counts.
if (warmUp === "warm") await copyOnce(`cut-${process.pid}-warm`, Math.floor(source.sizeBytes * 0.4), true);
const cpuBefore = process.cpuUsage();
const started = performance.now();
const result = await copyOnce(`cut-${process.pid}`, 0, false);
const seconds = (performance.now() - started) / 1_000;
const { user, system } = process.cpuUsage(cpuBefore);
process.stdout.write(`${JSON.stringify({ ...result, seconds, cpuSeconds: (user + system) / 1e6 })}\n`);
process.exit(0);

import { open, type FileHandle } from "node:fs/promises";
import type { BlockSource } from "#transfer/block.ts";
import { openNbdSource } from "#transfer/nbd/open.ts";

/**
 * Reads an NBD export as the product does: `read-worker.ts SOCKET [OUTPUT]`. Prints the seconds from the connection's first byte to the last data
 * byte, of a process that has read before: a worker runs for days. With OUTPUT it writes what it read, for comparison.
 */
const [socket = "", output] = process.argv.slice(2);
const pieceBytes = 1024 * 1024;
const signal = AbortSignal.timeout(600_000);
if (output === undefined) await readAll();
const cpuBefore = process.cpuUsage();
const started = performance.now();
await using file = output === undefined ? undefined : await open(output, "w");
await readAll(file);
const seconds = (performance.now() - started) / 1_000;
const { user, system } = process.cpuUsage(cpuBefore);
process.stdout.write(`${JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6 })}\n`);

async function readAll(into?: FileHandle): Promise<void> {
  await using source = await openNbdSource({
    transport: { kind: "unix", path: socket },
    exportName: "",
    connections: 2,
    signal,
  });
  await into?.truncate(source.sizeBytes);
  const pieces = dataPieces(source);
  // Two requests of 1 MiB under way: more are no quicker, as more buffers do not stay in the processor's cache.
  const readers = Array.from({ length: 2 }, async () => {
    const buffer = new Uint8Array(pieceBytes);
    for await (const piece of pieces) {
      const content = buffer.subarray(0, piece.length);
      await source.read(piece.offset, content, signal);
      await into?.write(content, 0, content.length, piece.offset);
    }
  });
  await Promise.all(readers);
}

async function* dataPieces(source: BlockSource): AsyncGenerator<{ readonly offset: number; readonly length: number }> {
  for await (const extent of source.extents({ signal })) {
    if (extent.kind === "zero") continue;
    for (let offset = extent.offset; offset < extent.offset + extent.length; offset += pieceBytes) {
      yield { offset, length: Math.min(pieceBytes, extent.offset + extent.length - offset) };
    }
  }
}

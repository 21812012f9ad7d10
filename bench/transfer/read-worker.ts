import { open } from "node:fs/promises";
import { openNbdSource } from "#transfer/nbd/open.ts";

/**
 * Reads an NBD export as the product does: `read-worker.ts SOCKET [OUTPUT]`. Prints the seconds from the connection's first byte to the last data
 * byte. With OUTPUT it writes what it read, for comparison.
 */
const [socket = "", output] = process.argv.slice(2);
const pieceBytes = 1024 * 1024;
const signal = AbortSignal.timeout(600_000);
const file = output === undefined ? undefined : await open(output, "w");
const cpuBefore = process.cpuUsage();
const started = performance.now();
const source = await openNbdSource({
  transport: { kind: "unix", path: socket },
  exportName: "",
  connections: 2,
  signal,
});
await file?.truncate(source.sizeBytes);
const pieces = dataPieces();
const readers = Array.from({ length: 4 }, async () => {
  const buffer = new Uint8Array(pieceBytes);
  for await (const piece of pieces) {
    const into = buffer.subarray(0, piece.length);
    await source.read(piece.offset, into, signal);
    await file?.write(into, 0, into.length, piece.offset);
  }
});
await Promise.all(readers);
const seconds = (performance.now() - started) / 1_000;
const { user, system } = process.cpuUsage(cpuBefore);
await source[Symbol.asyncDispose]();
await file?.close();
process.stdout.write(`${JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6 })}\n`);

async function* dataPieces(): AsyncGenerator<{ readonly offset: number; readonly length: number }> {
  for await (const extent of source.extents({ signal })) {
    if (extent.kind === "zero") continue;
    for (let offset = extent.offset; offset < extent.offset + extent.length; offset += pieceBytes) {
      yield { offset, length: Math.min(pieceBytes, extent.offset + extent.length - offset) };
    }
  }
}

import type { StoreHost } from "./host-store.ts";

const pieceBytes = 8 * 1024 * 1024;

/** A file of the host, in pieces, as the connection carries text. Empty where there is none. */
export const readFileBytes = async (host: StoreHost, file: string, signal: AbortSignal): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  for (let piece = 0; ; piece += 1) {
    const { stdout } = await host.run(
      '[ ! -e "$1" ] || dd if="$1" bs="$2" skip="$3" count=1 iflag=fullblock status=none | base64',
      [file, String(pieceBytes), String(piece)],
      { purpose: `read ${file}`, timeoutMs: 120_000, signal },
    );
    const bytes = Buffer.from(stdout, "base64");
    pieces.push(bytes);
    if (bytes.length < pieceBytes) return Buffer.concat(pieces);
  }
};

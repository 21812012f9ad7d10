import { rm } from "node:fs/promises";
import { checkImages, type Verdict } from "#lab/oracle/check-image.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import type { SealedPoint } from "./sealed-points.ts";

/** What the oracle finds in a point's images, read on their host without the product. */
export const judge = async (host: LabHost, sealed: SealedPoint, signal: AbortSignal): Promise<Verdict> => {
  const copies: string[] = [];
  try {
    for (const [number, image] of sealed.images.entries()) {
      const copy = `${host.images}/judged-${number}.raw`;
      copies.push(host.path(copy));
      await host.run('qemu-img convert -U -f qcow2 -O raw "$1" "$2"', [image, copy], { timeoutMs: 120_000, signal });
    }
    return await checkImages(
      copies.map((file) => ({ file, format: "raw" })),
      { signal },
    );
  } finally {
    for (const file of copies) await rm(file, { force: true });
  }
};

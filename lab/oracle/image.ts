import { Fault } from "#domain/fault.ts";

import { command } from "../hosts/command.ts";
import { linuxPartition } from "../guest/boot-sector.ts";

/** A disk image as qemu-img can open it: a file of a format, or a blockdev description as JSON for chains whose files moved. */
export type ImageSource =
  | { readonly file: string; readonly format: string }
  | { readonly blockdev: Readonly<Record<string, unknown>> };

/** How qemu-img takes it: always a description, so that no file name is taken for one. */
export const imageArgument = (source: ImageSource): string => `json:${JSON.stringify(blockdevOf(source))}`;

export const blockdevOf = (source: ImageSource): Readonly<Record<string, unknown>> =>
  "blockdev" in source ? source.blockdev : { driver: source.format, file: { driver: "file", filename: source.file } };

/** Copies the file system in an image to a sparse raw file, out of its partition when the disk has one; reads also what QEMU has open. */
export const copyFileSystem = async (request: {
  readonly source: ImageSource;
  readonly target: string;
  readonly signal?: AbortSignal | undefined;
}): Promise<void> => {
  const { source, target, signal } = request;
  const whole = blockdevOf(source);
  const head = await readHead(whole, signal);
  const place = linuxPartition(head);
  const part = place === undefined ? whole : { driver: "raw", ...place, file: whole };
  await command(["qemu-img", "convert", "-U", "-O", "raw", `json:${JSON.stringify(part)}`, target], { signal });
};

/** The first sector. */
const readHead = async (blockdev: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<Buffer> => {
  const { stdout } = await command(["qemu-io", "-U", "-r", "-c", "read -v 0 512", `json:${JSON.stringify(blockdev)}`], {
    signal,
  });
  // qemu-io exits with 0 whatever a command of its did
  const bytes = [...stdout.matchAll(/^[0-9a-f]{8}: {2}((?:[0-9a-f]{2} ){16})/gm)]
    .map((line) => (line[1] ?? "").replaceAll(" ", ""))
    .join("");
  if (bytes.length !== 1024)
    throw new Fault(
      "COMMAND_FAILED",
      `qemu-io could not read the first sector of ${JSON.stringify(blockdev)}: ${stdout}`,
    );
  return Buffer.from(bytes, "hex");
};

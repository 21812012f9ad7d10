import { createHash } from "node:crypto";
import type { DiskId } from "#domain/ids.ts";

/**
 * The consistency oracle: record N is written, then head N that says so. An image of one instant holds every record up to its head, and at most one
 * more. A mixture of two instants, or a lost write, does not. Records go round over all disks, so that a cut that is not one instant over them shows too.
 */
export const recordBytes = 4096;
/** Records are spread so that each dirties a block of its own for a while. */
const stride = 65_536;
const headMagic = 0x48_45_41_44;

export interface OracleLayout {
  readonly disks: readonly { readonly id: DiskId; readonly sizeBytes: number }[];
}
export interface OracleWrite {
  readonly disk: DiskId;
  readonly offset: number;
  readonly data: Uint8Array;
}

const first = (layout: OracleLayout): DiskId => {
  const disk = layout.disks[0];
  if (disk === undefined) throw new RangeError("The oracle needs a disk.");
  return disk.id;
};

/** How many records are there at once; older ones are overwritten. A quarter of the smallest disk at most. */
export const slots = (layout: OracleLayout): number =>
  Math.max(2, Math.floor(Math.min(...layout.disks.map(({ sizeBytes }) => sizeBytes)) / stride / 4)) *
  layout.disks.length;

export function recordWrite(layout: OracleLayout, number: number): OracleWrite {
  const slot = number % slots(layout);
  const disk = layout.disks[slot % layout.disks.length]?.id ?? first(layout);
  const offset = stride * (1 + Math.floor(slot / layout.disks.length));
  return { disk, offset, data: recordContent(number) };
}

/** The head carries the layout with it, so that disks added or grown later change nothing. */
export function headWrite(layout: OracleLayout, number: number): OracleWrite {
  const text = Buffer.from(JSON.stringify({ disks: layout.disks.map(({ id, sizeBytes }) => ({ id, sizeBytes })) }));
  const data = Buffer.alloc(recordBytes);
  data.writeUInt32BE(headMagic, 0);
  data.writeUInt32BE(text.length, 4);
  data.writeBigUInt64BE(BigInt(number), 8);
  text.copy(data, headerBytes);
  return { disk: first(layout), offset: 0, data };
}
const headerBytes = 16;

function recordContent(number: number): Uint8Array {
  const seed = createHash("sha256").update(`record ${number}`).digest();
  const content = Buffer.alloc(recordBytes, seed);
  content.writeBigUInt64BE(BigInt(number), 0);
  return content;
}

export type OracleRead = (disk: DiskId, offset: number, length: number) => Uint8Array;

/** The head's number and layout; number 0 and the layout given on a disk nobody has written to. */
export function readHead(
  machine: OracleLayout,
  read: OracleRead,
): { readonly number: number; readonly layout: OracleLayout } {
  const head = Buffer.from(read(first(machine), 0, recordBytes));
  if (head.readUInt32BE(0) !== headMagic) return { number: 0, layout: machine };
  const text = head.subarray(headerBytes, headerBytes + head.readUInt32BE(4)).toString();
  return { number: Number(head.readBigUInt64BE(8)), layout: JSON.parse(text) as OracleLayout };
}

/** What is wrong with an image; nothing when it is one instant. `machine`: the disks it has, the first one with the head. */
export function checkOracle(
  machine: OracleLayout,
  read: OracleRead,
): { readonly head: number; readonly problems: readonly string[] } {
  const { number: head, layout } = readHead(machine, read);
  const count = slots(layout);
  const problems: string[] = [];
  for (let slot = 0; slot < count; slot++) {
    const place = recordWrite(layout, slot);
    const found = Buffer.from(read(place.disk, place.offset, recordBytes));
    const number = Number(found.readBigUInt64BE(0));
    const newest = head - ((((head - slot) % count) + count) % count);
    const wanted = Math.max(0, newest);
    const next = head + 1;
    if (number !== wanted && !(number === next && next % count === slot))
      problems.push(`Slot ${slot} holds record ${number}, the head ${head} demands ${wanted}.`);
    else if (number !== 0 && !found.equals(recordContent(number))) problems.push(`Record ${number} is torn.`);
  }
  return { head, problems };
}

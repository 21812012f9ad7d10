import { blockBytes, type BlockSource, type Extent } from "../block.ts";

/**
 * A source's extents in whole blocks (but for the disk's end): a block that is zero as a whole stays `zero`; one that any data lies in is read
 * as a whole, which is right for a change source too, since its cut has the rest of the block as well. Adjoining runs become one.
 * Runs are at most `maximumBytes` long, so that progress and checkpoints come in time.
 */
export async function* alignedRuns(
  source: BlockSource,
  options: { readonly from: number; readonly maximumBytes: number; readonly signal: AbortSignal },
): AsyncGenerator<Extent> {
  const { maximumBytes, signal } = options;
  const from = options.from - (options.from % blockBytes);
  const runs = new Runs(source.sizeBytes, from);
  for await (const extent of source.extents({ from, signal })) {
    for (const run of runs.add(extent)) yield* split(run, maximumBytes);
  }
  for (const run of runs.finish()) yield* split(run, maximumBytes);
}

function* split(run: Extent, maximumBytes: number): Generator<Extent> {
  for (let offset = run.offset; offset < run.offset + run.length; offset += maximumBytes) {
    yield { ...run, offset, length: Math.min(maximumBytes, run.offset + run.length - offset) };
  }
}

class Runs {
  readonly #size: number;
  /** Blocks below this are settled. */
  #position: number;
  /** The block that the last extent ended within: zero bytes and whether it has data. */
  #open: { readonly offset: number; zeroBytes: number; hasData: boolean } | undefined;
  #run: { readonly offset: number; length: number; readonly kind: Extent["kind"] } | undefined;

  constructor(size: number, from: number) {
    this.#size = size;
    this.#position = from;
  }

  *add(extent: Extent): Generator<Extent> {
    let offset = Math.max(extent.offset, this.#position);
    const end = Math.min(extent.offset + extent.length, this.#size);
    while (offset < end) {
      const block = offset - (offset % blockBytes);
      const blockEnd = Math.min(block + blockBytes, this.#size);
      if (this.#open !== undefined && this.#open.offset !== block) yield* this.#closeOpen();
      if (this.#open === undefined && offset === block && end >= blockEnd) {
        // Whole blocks, many at a time; the disk's last one may be short.
        const wholeEnd = end === this.#size ? end : end - (end % blockBytes);
        yield* this.#push(block, wholeEnd - block, extent.kind);
        offset = wholeEnd;
        continue;
      }
      this.#open ??= { offset: block, zeroBytes: 0, hasData: false };
      const part = Math.min(end, blockEnd) - offset;
      if (extent.kind === "zero") this.#open.zeroBytes += part;
      else this.#open.hasData = true;
      offset += part;
    }
  }

  *finish(): Generator<Extent> {
    yield* this.#closeOpen();
    if (this.#run !== undefined) yield this.#run;
    this.#run = undefined;
  }

  *#closeOpen(): Generator<Extent> {
    if (this.#open === undefined) return;
    const { offset, zeroBytes, hasData } = this.#open;
    this.#open = undefined;
    const length = Math.min(blockBytes, this.#size - offset);
    yield* this.#push(offset, length, !hasData && zeroBytes === length ? "zero" : "data");
  }

  *#push(offset: number, length: number, kind: Extent["kind"]): Generator<Extent> {
    this.#position = offset + length;
    if (this.#run !== undefined && this.#run.kind === kind && this.#run.offset + this.#run.length === offset) {
      this.#run.length += length;
      return;
    }
    if (this.#run !== undefined) yield this.#run;
    this.#run = { offset, length, kind };
  }
}

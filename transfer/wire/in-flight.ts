/** Bounds how many requests and how many of their bytes may be under way at once; others wait in order. */
export class InFlight {
  readonly #maximumCount: number;
  readonly #maximumBytes: number;
  readonly #waiting: { readonly bytes: number; readonly admit: () => void }[] = [];
  #count = 0;
  #bytes = 0;

  constructor(limits: { readonly count: number; readonly bytes: number }) {
    this.#maximumCount = limits.count;
    this.#maximumBytes = limits.bytes;
  }

  /** Bytes under way now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when there is room. A request larger than the whole bound is let through alone. */
  async acquire(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) {
      this.#take(bytes);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const entry = {
        bytes,
        admit: (): void => {
          signal.removeEventListener("abort", abort);
          resolve();
        },
      };
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason as Error);
        this.#admit();
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(entry);
    });
  }

  release(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    this.#admit();
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoom(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#take(next.bytes);
      next.admit();
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#count < this.#maximumCount && (this.#bytes + bytes <= this.#maximumBytes || this.#count === 0);
  }

  #take(bytes: number): void {
    this.#count += 1;
    this.#bytes += bytes;
  }
}

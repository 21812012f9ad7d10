/**
 * Turns a byte stream into whole pieces of known length. The piece's buffer is the caller's own, so that a socket with `onread` writes
 * payloads where they belong without a copy; other streams are fed by chunks and copied once.
 *
 * Nothing is read ahead beyond what the transport already handed over: with no piece expected, the transport is paused.
 */
export class Intake {
  #target: Uint8Array | undefined;
  #filled = 0;
  #done: (() => void) | undefined;
  /** Bytes that came while nothing was expected. */
  #backlog: Uint8Array[] = [];
  #draining = false;
  #paused = false;
  #received = 0;
  /** The region last lent to the socket; bytes that arrive in it need no copy. */
  #lent: Uint8Array | undefined;
  #scratch: Uint8Array | undefined;
  #resume: () => void = () => undefined;

  /** All bytes that ever arrived. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** Bytes that arrived and were not asked for yet. */
  get pendingBytes(): number {
    return this.#backlog.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** How a paused transport is told to go on. */
  onResume(resume: () => void): void {
    this.#resume = resume;
  }

  /** Calls `done` once `target` (not empty) is full. One piece at a time; `done` may expect the next at once. */
  expect(target: Uint8Array, done: () => void): void {
    if (this.#target !== undefined) throw new Error("A piece is expected already.");
    if (target.length === 0) throw new Error("An empty piece cannot be expected.");
    this.#target = target;
    this.#filled = 0;
    this.#done = done;
    if (this.#draining) return;
    this.#drain();
    if (this.#paused && this.#backlog.length === 0) {
      this.#paused = false;
      this.#resume();
    }
  }

  /** The next `length` bytes, for hand-shakes. A length of 0 answers at once. */
  take(length: number): Promise<Buffer> {
    if (length === 0) return Promise.resolve(Buffer.alloc(0));
    const target = Buffer.allocUnsafe(length);
    return new Promise((resolve) => this.expect(target, () => resolve(target)));
  }

  /** Bytes of a transport without `onread`. Answers whether more may come at once. */
  feed(chunk: Uint8Array): boolean {
    this.#received += chunk.length;
    return this.#accept(chunk, false);
  }

  /** `onread.buffer`: where the socket shall read to. */
  lend(): Uint8Array {
    this.#scratch ??= new Uint8Array(65_536);
    this.#lent = this.#target === undefined ? this.#scratch : this.#target.subarray(this.#filled);
    return this.#lent;
  }

  /** `onread.callback`: `length` bytes stand in `buffer`. Answers whether more may come at once. */
  arrived(length: number, buffer: Uint8Array): boolean {
    this.#received += length;
    const direct = this.#target !== undefined && buffer === this.#lent && buffer !== this.#scratch;
    if (!direct) return this.#accept(buffer.subarray(0, length), true);
    this.#filled += length;
    this.#complete();
    return this.#mayGoOn();
  }

  #accept(chunk: Uint8Array, borrowed: boolean): boolean {
    this.#backlog.push(chunk);
    this.#drain();
    const last = this.#backlog.at(-1);
    if (borrowed && last !== undefined) this.#backlog[this.#backlog.length - 1] = Uint8Array.from(last);
    return this.#mayGoOn();
  }

  #mayGoOn(): boolean {
    this.#paused = this.#target === undefined;
    return !this.#paused;
  }

  /** Iterative, so that thousands of small pieces in one chunk do not grow the stack. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let chunk = this.#backlog[0]; chunk !== undefined && this.#target !== undefined; chunk = this.#backlog[0]) {
        const count = Math.min(chunk.length, this.#target.length - this.#filled);
        this.#target.set(chunk.subarray(0, count), this.#filled);
        this.#filled += count;
        if (count === chunk.length) this.#backlog.shift();
        else this.#backlog[0] = chunk.subarray(count);
        this.#complete();
      }
    } finally {
      this.#draining = false;
    }
  }

  #complete(): void {
    if (this.#target === undefined || this.#filled < this.#target.length) return;
    const done = this.#done;
    this.#target = undefined;
    this.#done = undefined;
    done?.();
  }
}

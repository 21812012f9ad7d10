/** A fixed number of reusable things; who wants one waits until one is given back. */
export class Pool<Item> {
  readonly #free: Item[];
  readonly #waiting: ((item: Item) => void)[] = [];

  constructor(items: readonly Item[]) {
    this.#free = [...items];
  }

  /** How many are free at the moment. */
  get free(): number {
    return this.#free.length;
  }

  async take(signal: AbortSignal): Promise<Item> {
    signal.throwIfAborted();
    const item = this.#free.pop();
    if (item !== undefined) return item;
    return await new Promise<Item>((resolve, reject) => {
      const given = (free: Item): void => {
        signal.removeEventListener("abort", abort);
        resolve(free);
      };
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(given), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(given);
    });
  }

  give(item: Item): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(item);
    else next(item);
  }
}

/** What has to be done when a job does not come to its end, last thing first. */
export interface UndoList {
  add(name: string, undo: () => Promise<void>): void;
  /** From here on nothing is undone: the order has been carried out. */
  clear(): void;
  /** Runs all of them, also when one fails; answers what failed. */
  run(each: (name: string, undo: () => Promise<void>) => Promise<void>): Promise<readonly unknown[]>;
}

export function undoList(): UndoList {
  let steps: readonly { readonly name: string; readonly undo: () => Promise<void> }[] = [];
  return {
    add(name, undo) {
      steps = [{ name, undo }, ...steps];
    },
    clear() {
      steps = [];
    },
    async run(each) {
      const failures: unknown[] = [];
      for (const { name, undo } of steps) {
        try {
          await each(name, undo);
        } catch (error) {
          failures.push(error);
        }
      }
      return failures;
    },
  };
}

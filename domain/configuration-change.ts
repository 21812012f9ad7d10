/** One difference between two configurations. */
export interface ConfigurationChange {
  /** Where: `items.app1.policy`. */
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  readonly before?: unknown;
  readonly after?: unknown;
  /** What it will do, in a sentence, where that is not obvious. */
  readonly consequence?: string;
}

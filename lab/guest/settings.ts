/** What a guest does; changeable while it runs by `writer set`. */
export interface GuestSettings {
  readonly name: string;
  /** How many disks the writer's records run across. */
  readonly disks: number;
  /** Pause between two records. Default 100. */
  readonly intervalMs?: number;
  /** Random blocks overwritten in the first disk's blob, per second. Default none. */
  readonly rateKibPerSecond?: number;
  /** The size of one of them. Default 4. */
  readonly blockKib?: number;
  /** What the guest agent's freeze hook does. Default `ok`. */
  readonly freeze?: "ok" | "fail" | "hang";
}

/** As the guest reads them: KEY=VALUE lines for what is given. */
export const settingsText = (settings: Partial<GuestSettings>): string =>
  Object.entries({
    name: settings.name,
    disks: settings.disks,
    interval_ms: settings.intervalMs,
    rate_kib: settings.rateKibPerSecond,
    block_kib: settings.blockKib,
    freeze: settings.freeze,
  })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");

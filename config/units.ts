/** Units people write in the configuration. Each reader answers undefined for what it cannot read; the schema makes the sentence. */

const seconds = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `5s`, `5m`, `1h`, `15d` → whole seconds. */
export const readDuration = (text: string): number | undefined => {
  const match = /^(\d{1,9})\s*([smhd])$/u.exec(text.trim());
  const unit = match?.[2];
  if (unit !== "s" && unit !== "m" && unit !== "h" && unit !== "d") return undefined;
  return Number(match?.[1]) * seconds[unit];
};
export const durationForm = "a whole number with its unit: 30s, 5m, 1h or 2d";

const scales = { "": 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 } as const;
const isScale = (text: string): text is keyof typeof scales => Object.hasOwn(scales, text);

/** `50Mbit/s` (bits, powers of ten), `10MB/s` (bytes, powers of ten), `10MiB/s` (powers of two) → whole bytes a second. */
export const readRate = (text: string): number | undefined => {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)\s*([kKMG]i?|)(bit|B)\/s$/u.exec(text.trim());
  const scale = match?.[2];
  if (scale === undefined || !isScale(scale)) return undefined;
  const bytes = Number(match?.[1]) * scales[scale] * (match?.[3] === "bit" ? 1 / 8 : 1);
  return Math.floor(bytes);
};
/** Whole bytes a second, as `readRate` reads them: in the largest unit that divides them, bits before powers of two. */
export const rateText = (bytes: number): string => {
  const unit = rateUnits.find(({ size }) => bytes % size === 0) ?? { name: "B/s", size: 1 };
  return `${String(bytes / unit.size)}${unit.name}`;
};
const rateUnits = [
  { name: "Gbit/s", size: 1e9 / 8 },
  { name: "GiB/s", size: 1024 ** 3 },
  { name: "Mbit/s", size: 1e6 / 8 },
  { name: "MiB/s", size: 1024 ** 2 },
  { name: "KiB/s", size: 1024 },
  { name: "kbit/s", size: 1e3 / 8 },
];
export const rateForm = "a number with its unit: 50Mbit/s, 10MB/s or 10MiB/s";

/** `10%` → 10. */
export const readPercent = (text: string): number | undefined => {
  const match = /^(\d{1,3})\s*%$/u.exec(text.trim());
  return match === null ? undefined : Number(match[1]);
};
export const percentForm = "a percentage: 10%";

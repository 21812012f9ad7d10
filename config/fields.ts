import { isIP } from "node:net";
import { z } from "zod";
import { hostKeyForm, readHostKey } from "./host-key.ts";
import { looksLikeSecret, looksLikeSecretKey, secretRefusal } from "./secret.ts";
import { durationForm, percentForm, rateForm, readDuration, readPercent, readRate } from "./units.ts";
import { namePattern, nameRule } from "#domain/names.ts";
import { nearest } from "#domain/nearest.ts";

/** How a value is shown in a sentence: as it was written, shortened, and never a secret. */
export const shown = (value: unknown): string => {
  if (looksLikeSecret(value)) return "(hidden)";
  if (value === undefined || value === null) return "empty";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

const unknownKey = (key: string, known: readonly string[]): string => {
  if (looksLikeSecretKey(key)) return `is refused: ${secretRefusal}`;
  const meant = nearest(key, known);
  return `is not a known key${meant === undefined ? "" : ` (did you mean ${meant}?)`}; allowed: ${known.join(", ")}`;
};

/** An object whose keys are all known. The message for unknown ones has one line per key, in zod's order. */
export const object = <Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> =>
  z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === "unrecognized_keys")
        return issue.keys.map((key) => unknownKey(key, Object.keys(shape))).join("\n");
      return issue.input === undefined
        ? missing(`a map with ${Object.keys(shape).join(", ")}`)
        : wrong(issue.input, `a map with ${Object.keys(shape).join(", ")}`);
    },
  });

const missing = (form: string): string => `is missing; it must be ${form}`;
const wrong = (value: unknown, form: string): string =>
  looksLikeSecret(value) ? `is refused: ${secretRefusal}` : `is ${shown(value)}; it must be ${form}`;
const expecting =
  (form: string) =>
  (issue: { readonly input?: unknown }): string =>
    issue.input === undefined ? missing(form) : wrong(issue.input, form);

/** A text that `read` turns into its value, or refuses by answering undefined. */
const read = <Value>(form: string, reader: (text: string) => Value | undefined): z.ZodType<Value> =>
  z.string({ error: expecting(form) }).transform((text, context) => {
    const value = looksLikeSecret(text) ? undefined : reader(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: wrong(text, form) });
    return z.NEVER;
  });

const matching =
  (pattern: RegExp) =>
  (text: string): string | undefined =>
    pattern.test(text) ? text : undefined;

export const duration = read(durationForm, readDuration);
export const durationOrOff = read(`${durationForm}, or off`, (text) => (text === "off" ? 0 : readDuration(text)));
export const rate = read(rateForm, readRate);
export const percent = read(percentForm, readPercent);
export const hostKey = read(hostKeyForm, readHostKey);
export const name = read(nameRule, matching(namePattern));
export const text = (form: string) => read(form, matching(/^[^\p{Cc}]{1,255}$/u));
const readHostName = matching(/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/u);
/** What looks like an IP address has to be one: no host's name ends in a number. */
export const address = read("a host name or an IP address", (text) => {
  if (isIP(text) !== 0) return text;
  return text.includes(":") || /(?:^|\.)\d+$/u.test(text) ? undefined : readHostName(text);
});
export const absolutePath = read("an absolute path without spaces or quotes", matching(/^\/[\w.@+/-]{0,1000}$/u));
export const userName = read("a user's name on the host", matching(/^[a-z_][a-z0-9_.-]{0,31}$/u));
export const timeOfDay = read(
  "a time of day like 08:00 (in quotes)",
  matching(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/u),
);
export const port = z
  .number({ error: expecting("a port from 1 to 65535") })
  .refine((value) => Number.isInteger(value) && value >= 1 && value <= 65_535, {
    error: expecting("a port from 1 to 65535"),
  });

/** One of a few words; the nearest is offered. */
export const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words): z.ZodType<Words[number]> =>
  z.enum(words, {
    error: (issue) => {
      const form = words.length === 1 ? words[0] : `one of ${words.join(", ")}`;
      const meant = typeof issue.input === "string" ? nearest(issue.input, words) : undefined;
      const hint = meant === undefined ? "" : ` (did you mean ${meant}?)`;
      return issue.input === undefined ? missing(form) : `${wrong(issue.input, form)}${hint}`;
    },
  });

export const list = <Element extends z.ZodType>(element: Element, form: string): z.ZodArray<Element> =>
  z.array(element, { error: expecting(`a list of ${form}`) });

/** A map from names to values. The names themselves are checked by `check-references.ts`, so that what stands under a bad one is checked too. */
export const named = <Value extends z.ZodType>(value: Value, form: string): z.ZodRecord<z.ZodString, Value> =>
  z.record(z.string(), value, { error: expecting(`a map from names to ${form}`) });

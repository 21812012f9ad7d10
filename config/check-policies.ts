import type { Finding } from "./check-references.ts";
import { completePolicy, writtenFields } from "./complete-policy.ts";
import type { Path } from "./problem.ts";
import { policySchema } from "./schema.ts";
import { checkPolicy, policyLimits, type PolicyViolation } from "#domain/policy-check.ts";

type Raw = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Raw => typeof value === "object" && value !== null && !Array.isArray(value);

/** Limits that policies cannot be kept within. What cannot be read of one is left to the schema, and all the rest is checked. */
export function* checkPolicies(data: unknown): Generator<Finding> {
  const policies = isMap(data) ? data["policies"] : undefined;
  if (!isMap(policies)) return;
  for (const [name, written] of Object.entries(policies)) {
    if (!isMap(written)) continue;
    for (const { field, message } of violationsOf(name, written))
      yield { path: ["policies", name, ...writtenPath(field)], message: `cannot be met: ${message}` };
  }
}

/**
 * What stands in the place of something unreadable: the least and the most that is allowed there. What is wrong in both cases is wrong whatever was meant; a contradiction
 * between it and something else that can be read is in one of them only.
 */
const standIns: readonly ("least" | "most")[] = ["least", "most"];

const violationsOf = (name: string, written: Raw): readonly PolicyViolation[] => {
  const [first = [], second = []] = standIns.map((end) => {
    const policy = policySchema.safeParse(readable(written, end));
    return policy.success ? checkPolicy(completePolicy(name, policy.data)) : [];
  });
  return first.filter(({ field, message }) =>
    second.some((other) => other.field === field && other.message === message),
  );
};

/** The policy with stand-ins for what cannot be read of it. */
const readable = (written: Raw, end: "least" | "most"): Raw => {
  const result = policySchema.safeParse(written);
  if (result.success) return written;
  const unread = result.error.issues.map(({ path }) => path);
  const unknown = result.error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys : [],
  );
  return Object.fromEntries(
    Object.entries(written).flatMap(([key, value]) => {
      if (unknown.includes(key)) return [];
      const wrong = unread.filter(([field]) => field === key);
      if (wrong.length === 0) return [[key, value]];
      if (key === "bandwidth" && Array.isArray(value))
        return [
          [
            key,
            value.map((window, index) =>
              readableWindow(
                window,
                wrong.filter((path) => path[1] === index),
              ),
            ),
          ],
        ];
      const stand = standIn(key, end);
      return stand === undefined ? [] : [[key, stand]];
    }),
  );
};

const standIn = (key: string, end: "least" | "most"): string | undefined => {
  const field = Object.entries(writtenFields).find(([, written]) => written === key)?.[0];
  return field !== undefined && field in policyLimits && field.endsWith("Seconds")
    ? `${String(policyLimits[field as keyof typeof policyLimits][end])}s`
    : undefined;
};

const wholeDay = { from: "00:00", to: "24:00" } as const;
const anyLimit = "1Gbit/s";

/** A window in which nothing is wrong but what can be read of it. Its two times are one statement. */
const readableWindow = (window: unknown, wrong: readonly (readonly PropertyKey[])[]): unknown => {
  if (wrong.length === 0) return window;
  const fields = new Set(wrong.map((path) => path[2]));
  if (!isMap(window) || fields.has(undefined)) return { ...wholeDay, limit: anyLimit };
  const { days, from, to, limit } = window;
  return {
    ...(fields.has("days") || days === undefined ? {} : { days }),
    ...(fields.has("from") || fields.has("to") ? wholeDay : { from, to }),
    limit: fields.has("limit") ? anyLimit : limit,
  };
};

/** `bandwidthWindows[0].bytesPerSecond` → `["bandwidth", 0, "limit"]`. */
const writtenPath = (field: string): Path => {
  const [, list, index, inner] = /^(\w+)\[(\d+)\]\.(\w+)$/u.exec(field) ?? [];
  if (list !== undefined && inner !== undefined)
    return [writtenFields[list] ?? list, Number(index), inner === "bytesPerSecond" ? "limit" : inner];
  return [writtenFields[field] ?? field];
};

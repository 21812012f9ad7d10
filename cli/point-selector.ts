import type { PointSelector } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import { cutId } from "#domain/ids.ts";
import { nearest } from "#domain/nearest.ts";

/** Azure Site Recovery's names for a choice of the point. */
export const pointKinds = ["latest", "latest-processed", "latest-crash-consistent", "latest-app-consistent"] as const;

export const pointForms = `${pointKinds.join(", ")}, or a point's id`;

/** `--point`: one of Azure Site Recovery's names or a point's id. A misspelled name is refused, not taken for an id. */
export const readPointSelector = (text: string): PointSelector => {
  const kind = pointKinds.find((name) => name === text);
  if (kind !== undefined) return { kind };
  const meant = nearest(text, pointKinds);
  if (text.startsWith("latest") || meant !== undefined)
    throw new Fault(
      "INVALID_INPUT",
      `There is no kind of recovery point called ${text}${meant === undefined ? "" : ` (did you mean ${meant}?)`}; --point takes ${pointForms}.`,
    );
  if (!/^[\w.:-]{1,128}$/u.test(text))
    throw new Fault("INVALID_INPUT", `${JSON.stringify(text)} is no recovery point; --point takes ${pointForms}.`);
  return { kind: "custom", pointId: cutId(text) };
};

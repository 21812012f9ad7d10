import { randomBytes } from "node:crypto";
import type { CutId } from "#domain/ids.ts";
import { cutId } from "#domain/ids.ts";

/** A cut's id: sorts by the source's clock, is never made twice, and fits into the names platforms give their tracking records. */
export const newCutId = (nowMs: number): CutId =>
  cutId(`c${nowMs.toString(36).padStart(9, "0")}${randomBytes(5).toString("hex")}`);

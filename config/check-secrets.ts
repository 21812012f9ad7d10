import type { Finding } from "./check-references.ts";
import type { Path } from "./problem.ts";
import { looksLikeSecret, secretRefusal } from "./secret.ts";

/** Every value anywhere that is a private key, whatever key it stands under. */
export function* checkSecrets(value: unknown, path: Path = []): Generator<Finding> {
  if (looksLikeSecret(value)) yield { path, message: `is refused: ${secretRefusal}` };
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value))
    yield* checkSecrets(inner, [...path, Array.isArray(value) ? Number(key) : key]);
}

import { ApplicationFailure } from "@temporalio/common";
import type { HeldHost } from "#workers/kept-hosts.ts";

/**
 * Work that goes on for long at a host, until its settings change: then it is ended as if it were cancelled, and what could not end with a result is begun anew by
 * Temporal at once, with a platform that is opened by the new settings.
 */
export async function whileSame<Result>(
  held: Pick<HeldHost, "name" | "superseded">,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(AbortSignal.any([signal, held.superseded]));
  } catch (error) {
    if (!held.superseded.aborted || signal.aborted) throw error;
    throw ApplicationFailure.retryable(
      `The settings of host ${held.name} were changed; this begins anew with them.`,
      "HostChanged",
    );
  }
}

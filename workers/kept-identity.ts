import { setInterval as every } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { SiteName } from "#domain/ids.ts";
import type { SiteTls } from "#transfer/session.ts";
import { identityProblem } from "#workers/identity-problem.ts";

/** The site's certificate, renewed while its worker runs. */
export interface KeptIdentity extends AsyncDisposable {
  /** What the site shows and trusts now. */
  readonly current: SiteTls;
  /** Called with each one that takes the place of the one before. */
  onRenewed(listener: (tls: SiteTls) => void): void;
}

/** Three small files; a renewed certificate is in use when whoever copied it looks. */
const lookEveryMs = 10_000;

/**
 * Reads the certificate, and again every ten seconds. One that cannot be used, or not yet because it is being copied, is not taken: the one before goes on, and the log
 * says why when the next look finds it the same. Rejects only when there is none to begin with.
 */
export async function keepIdentity(options: {
  readonly site: SiteName;
  readonly read: () => Promise<SiteTls>;
  readonly log: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly everyMs?: number;
}): Promise<KeptIdentity> {
  const { site, read, log, everyMs = lookEveryMs } = options;
  const listeners: ((tls: SiteTls) => void)[] = [];
  const ended = new AbortController();
  let current = await read();
  let doubt: unknown;
  let said: unknown;

  async function look(): Promise<void> {
    const found = await readOrProblem(read);
    if (isDeepStrictEqual(found, current)) return;
    const problem = typeof found === "string" ? found : identityProblem(site, found);
    if (problem === undefined && typeof found !== "string") {
      current = found;
      for (const listener of listeners) listener(found);
      return log("shows a renewed certificate to new connections", { site });
    }
    if (isDeepStrictEqual(found, doubt) && !isDeepStrictEqual(found, said)) {
      log("the site's new certificate is not used; the one before goes on", { site, problem });
      said = found;
    }
    doubt = found;
  }

  const looking = (async () => {
    try {
      for await (const _ of every(everyMs, undefined, { signal: ended.signal, ref: false })) await look();
    } catch (error) {
      if (!ended.signal.aborted) throw error;
    }
  })();
  // Whoever disposes of it hears of it.
  looking.catch(() => undefined);

  const problem = identityProblem(site, current);
  if (problem !== undefined) log("the site's certificate will not do for other sites", { site, problem });
  return {
    get current() {
      return current;
    },
    onRenewed: (listener) => void listeners.push(listener),
    async [Symbol.asyncDispose]() {
      ended.abort();
      await looking;
    },
  };
}

/** In the middle of a copy a file may be missing. */
async function readOrProblem(read: () => Promise<SiteTls>): Promise<SiteTls | string> {
  try {
    return await read();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

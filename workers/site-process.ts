import { setTimeout as sleep } from "node:timers/promises";
import { createUnderstudyClient } from "#client/understudy.ts";
import { ensureNamespace } from "#client/prepare.ts";
import type { Configuration } from "#domain/configuration.ts";
import { isFault } from "#domain/fault.ts";
import type { SiteName } from "#domain/ids.ts";
import { nearest } from "#domain/nearest.ts";
import type { SiteTls } from "#transfer/session.ts";
import { connectWorker } from "#workers/connect-worker.ts";
import type { OpenPlatform } from "#workers/kept-hosts.ts";
import { readyLine } from "#workers/ready-line.ts";
import { installLog } from "#workers/runtime-log.ts";
import { startSiteWorker } from "#workers/site-worker.ts";
import { untilTold } from "#workers/until-told.ts";

export interface SiteProcessOptions {
  readonly site: SiteName;
  /** Reads the site's certificate as it is now. */
  readonly readTls: () => Promise<SiteTls>;
  readonly listenAddress?: string;
  readonly openPlatform?: OpenPlatform;
}

const lookAgainMs = 1_000;

/**
 * A site's worker as a process of its own: connects by Temporal's standard environment configuration, waits until a configuration with its site is applied, says
 * `readyLine` on its log, and works until SIGTERM (a second one ends it at once).
 */
export async function runSiteProcess(options: SiteProcessOptions): Promise<void> {
  const log = installLog(`site ${options.site}`);
  await using connection = await connectWorker();
  const { clientConnection, namespace } = connection;
  await ensureNamespace(clientConnection, namespace);
  const client = createUnderstudyClient(connection.client);

  await untilConfigured(options.site, { read: () => client.configuration(), log });
  const worker = await startSiteWorker({
    ...options,
    configuration: () => client.configuration(),
    connection: connection.native,
    namespace,
    log,
  });
  log(readyLine, { site: options.site });
  await untilTold([worker]);
}

async function untilConfigured(
  site: SiteName,
  { read, log }: { readonly read: () => Promise<Configuration>; readonly log: (message: string) => void },
): Promise<void> {
  let said = "";
  for (;;) {
    const why = await missing(site, read);
    if (why === undefined) return;
    if (why !== said) log(why);
    said = why;
    await sleep(lookAgainMs);
  }
}

async function missing(site: SiteName, read: () => Promise<Configuration>): Promise<string | undefined> {
  try {
    const { sites } = await read();
    if (site in sites) return undefined;
    const known = Object.keys(sites);
    const meant = nearest(site, known);
    return `Waits: the applied configuration has no site “${site}”${meant === undefined ? "" : ` (did you mean ${meant}?)`}. It has: ${known.join(", ") || "none"}.`;
  } catch (error) {
    if (isFault(error) && (error.code === "CONFIG_INVALID" || error.code === "WORKER_UNAVAILABLE")) {
      return `Waits: ${error.message}`;
    }
    throw error;
  }
}

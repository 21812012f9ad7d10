import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { SiteName } from "#domain/ids.ts";
import type { Observation } from "../oracle.ts";

/** How often the guests' files are looked at: the error of every time that is measured. */
const lookEveryMs = 10;

export interface Observer extends AsyncDisposable {
  observations(): Promise<readonly Observation[]>;
}

/**
 * Watches from outside what the guests at each site say: the file their acknowledged writes leave through, and their console, where they tell at each start what they
 * found on their disks. Times are this machine's, one clock for both sites.
 */
export const observeGuests = (
  sites: readonly { readonly site: SiteName; readonly acknowledgements: string; readonly console: string }[],
): Observer => {
  const all: Observation[] = [];
  const stopping = new AbortController();
  const followers = sites.flatMap(({ site, acknowledgements, console }) => [
    follow(acknowledgements, (line) => note(all, acknowledgement(site, line))),
    follow(console, (line) => note(all, start(site, line))),
  ]);
  const ended = (async () => {
    while (!stopping.signal.aborted) {
      for (const look of followers) await look();
      await sleep(lookEveryMs);
    }
  })();
  return {
    observations: () => Promise.resolve(all),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
    },
  };
};

const note = (all: Observation[], observation: Observation | undefined): void => {
  if (observation !== undefined) all.push(observation);
};

/** `ACK <record> <ns> <boot>` (`lab/guest/writer/write.go`). */
const acknowledgement = (site: SiteName, line: string): Observation | undefined => {
  const record = /^ACK (\d+) /.exec(line)?.[1];
  return record === undefined ? undefined : { kind: "acknowledged", site, record: Number(record), at: Date.now() };
};

/** `MOUNTED <the writer's verdict as JSON>` (`lab/guest/rootfs/init`). */
const start = (site: SiteName, line: string): Observation | undefined => {
  const verdict = /^MOUNTED (\{.*\})/.exec(line)?.[1];
  if (verdict === undefined) return undefined;
  const { ok, head, problems } = JSON.parse(verdict) as {
    ok: boolean;
    head: number;
    problems?: readonly string[] | null;
  };
  const found = problems ?? [];
  return {
    kind: "started",
    site,
    at: Date.now(),
    head,
    problems: ok || found.length > 0 ? found : ["The writer says that its records contradict one another."],
  };
};

/** Answers a function that gives each whole line appended since its last call to `onLine`. The file need not be there yet. */
const follow = (file: string, onLine: (line: string) => void): (() => Promise<void>) => {
  let offset = 0;
  let rest = "";
  return async () => {
    const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (handle === undefined) return;
    try {
      const { size } = await handle.stat();
      if (size <= offset) return;
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - offset), 0, size - offset, offset);
      offset += bytesRead;
      const lines = (rest + buffer.toString("utf8", 0, bytesRead)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line.replace(/\r$/, ""));
    } finally {
      await handle.close();
    }
  };
};

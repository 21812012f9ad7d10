import { Client, Connection } from "@temporalio/client";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { lyon, paris, type World } from "./world.ts";

/** Where a line of a private key, of a site's certificate or of the login at a host, can be read that must not hold any: Temporal's histories, the workers' logs, command lines. */
export async function spilledSecrets(world: World): Promise<readonly string[]> {
  const keys = [
    (await world.tls(paris)).key,
    (await world.tls(lyon)).key,
    await readFile(world.host(paris).identityFile, "utf8"),
  ];
  // A PEM's lines of base64, but for the first: what begins every key of its kind is no secret.
  const secrets = keys.flatMap((key) =>
    key
      .split("\n")
      .filter((line) => /^[A-Za-z0-9+/=]{20,}$/.test(line))
      .slice(1),
  );
  if (secrets.length < keys.length) throw new Error("The keys have no lines to look for.");
  const places = [
    ...(await histories(world.temporalAddress)),
    ...(await logs(world.folder)),
    ...(await commandLines()),
  ];
  return places.flatMap(({ name, text }) => (secrets.some((secret) => text.includes(secret)) ? [name] : []));
}

interface Place {
  readonly name: string;
  readonly text: string;
}

async function histories(address: string): Promise<readonly Place[]> {
  const connection = await Connection.connect({ address });
  try {
    const { workflow } = new Client({ connection });
    const places: Place[] = [];
    for await (const { workflowId, runId } of workflow.list()) {
      const { events } = await workflow.getHandle(workflowId, runId).fetchHistory();
      places.push({ name: `history of ${workflowId}`, text: textOf(events).join("\n") });
    }
    // Only in payloads, so that they are known to be readable here.
    if (!places.some(({ text }) => text.includes("requestedBy")))
      throw new Error("The histories cannot be looked through.");
    return places;
  } finally {
    await connection.close();
  }
}

/** All strings of a message, and its payloads, which are bytes. Written as JSON they would be base64, in which nothing is found. */
function textOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString("utf8")];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textOf) : [];
}

async function logs(folder: string): Promise<readonly Place[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".log"));
  if (names.length < 3) throw new Error(`${folder} has no logs to look through.`);
  return await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(path.join(folder, name), "utf8") })),
  );
}

async function commandLines(): Promise<readonly Place[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return await Promise.all(
    pids.map(async (pid) => ({
      name: `command line of process ${pid}`,
      // One that has ended meanwhile has none.
      text: await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    })),
  );
}

import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
/** All that workflows are made of. */
const folders = ["workflows", "domain", "activities", "platforms", "transfer"];
const { version: sdkVersion } = createRequire(import.meta.url)("@temporalio/worker/package.json") as {
  version: string;
};

/** systemd names a service's own cache folder so (`CacheDirectory=`): the program's folder need not be writable. */
const cacheFolder = (): string => process.env["CACHE_DIRECTORY"] ?? join(root, ".cache");

/** The workflows as the worker loads them, and what tells this build of them from another. */
export interface WorkflowBundle {
  readonly codePath: string;
  /** From the sources: the same code is the same build on every machine. */
  readonly buildId: string;
}

/**
 * Bundles the workflows, once for each state of the sources: a second worker starts in a fifth of the time. `cacheDir` is made when it is missing.
 * Two processes may do it at once.
 */
export async function workflowBundle(cacheDir = join(cacheFolder(), "workflows")): Promise<WorkflowBundle> {
  const buildId = await hashOfSources();
  const codePath = join(cacheDir, `${buildId}.js`);
  if (!(await exists(codePath))) {
    const { code } = await bundleWorkflowCode({
      workflowsPath: join(root, "workflows", "index.ts"),
      logger: new DefaultLogger("WARN"),
    });
    await mkdir(cacheDir, { recursive: true });
    const half = `${codePath}.${process.pid}`;
    await writeFile(half, code);
    await rename(half, codePath);
  }
  return { codePath, buildId };
}

async function hashOfSources(): Promise<string> {
  const hash = createHash("sha256").update(sdkVersion);
  for (const folder of folders) {
    const names = await readdir(join(root, folder), { recursive: true });
    for (const name of names.filter((file) => file.endsWith(".ts")).sort()) {
      hash.update(name).update(await readFile(join(root, folder, name)));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch {
    return false;
  }
}

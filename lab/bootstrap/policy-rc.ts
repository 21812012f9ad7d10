import { readFile, rm, writeFile } from "node:fs/promises";

/** invoke-rc.d asks this file before it starts a service; 101 means "not allowed". */
const path = "/usr/sbin/policy-rc.d";
const mark = "# Written by Understudy's lab while it installs packages; safe to delete.";

/**
 * Runs `install` while no service may be started by it: the lab starts its own libvirtd and sshd in namespaces, the machine's own must stay as they are.
 * A policy that somebody else put there stays in force and untouched.
 */
export const withoutStartingServices = async <Result>(install: () => Promise<Result>): Promise<Result> => {
  const foreign = await readFile(path, "utf8").then(
    (text) => !text.includes(mark),
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
  if (foreign) return install();
  await writeFile(path, `#!/bin/sh\n${mark}\nexit 101\n`, { mode: 0o755 });
  try {
    return await install();
  } finally {
    await rm(path, { force: true });
  }
};

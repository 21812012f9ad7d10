import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { HostConnection } from "#platforms/libvirt/host.ts";

/** A host that is this machine, for scripts: with these programs in the place of its own. Its machines are off. */
export const shellHost = async (dir: string, programs: Readonly<Record<string, string>>): Promise<HostConnection> => {
  for (const [name, script] of Object.entries(programs)) {
    const file = path.join(dir, name);
    await writeFile(file, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
  }
  const env = { PATH: `${dir}:${process.env["PATH"] ?? ""}` };
  const unused = () => Promise.reject(new Error("not asked for"));
  return {
    name: "paris1",
    run: (script, args, { stdin }) => {
      const running = promisify(execFile)("/bin/sh", ["-c", script, "sh", ...args], { env });
      // A script need not read what it is given.
      running.child.stdin?.on("error", () => undefined).end(stdin ?? "");
      return running;
    },
    virsh: (commands) => Promise.resolve(commands.map(() => "shut off\n")),
    monitor: unused,
    openUnix: unused,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
};

import { existsSync } from "node:fs";

import { Fault } from "#domain/fault.ts";

import { labPackages } from "../packages.ts";

const programs: readonly string[] = [
  "/usr/bin/busybox",
  "/usr/bin/lz4",
  "/usr/bin/nbdkit",
  "/usr/bin/nsenter",
  "/usr/bin/qemu-img",
  "/usr/bin/qemu-system-x86_64",
  "/usr/bin/socat",
  "/usr/bin/ssh-keygen",
  "/usr/bin/unshare",
  "/usr/bin/virsh",
  "/usr/sbin/debugfs",
  "/usr/sbin/libvirtd",
  "/usr/sbin/mke2fs",
  "/usr/sbin/nft",
  "/usr/sbin/sshd",
];

/** A thing the lab cannot do without, and what to type to have it. */
export interface MissingPrerequisite {
  readonly what: string;
  readonly cure: string;
}

/** All that is missing on this machine, at once. */
export const missingPrerequisites = (): readonly MissingPrerequisite[] => {
  const missing: MissingPrerequisite[] = [];
  if (process.getuid?.() !== 0) {
    missing.push({
      what: "The lab makes network and process namespaces and must run as root.",
      cure: "run it with sudo, or as root",
    });
  }
  const absent = programs.filter((program) => !isThere(program));
  const tools = ["ip", "tc"].filter(
    (name) => !["/usr/sbin", "/sbin", "/usr/bin", "/bin"].some((folder) => existsSync(`${folder}/${name}`)),
  );
  if (absent.length + tools.length > 0) {
    missing.push({
      what: `Not installed: ${[...absent, ...tools].join(", ")}.`,
      cure: `apt-get install -y --no-install-recommends ${labPackages.join(" ")}`,
    });
  }
  for (const device of ["/dev/net/tun", "/dev/loop-control"]) {
    if (!existsSync(device)) {
      missing.push({
        what: `There is no ${device}.`,
        cure: "in a container, give it that device or run it privileged (docker run --privileged)",
      });
    }
  }
  return missing;
};

/** Rejects with `PREREQUISITES_FAILED`, naming everything that is missing and its cure. */
export const checkPrerequisites = (): void => {
  const missing = missingPrerequisites();
  if (missing.length === 0) return;
  const lines = missing.map(({ what, cure }) => `  ${what}\n    ${cure}`);
  throw new Fault("PREREQUISITES_FAILED", `The lab cannot start on this machine:\n${lines.join("\n")}`, {
    details: { missing },
  });
};

// Debian is merging /bin into /usr/bin; either place will do
const isThere = (program: string): boolean => existsSync(program) || existsSync(program.replace(/^\/usr/, ""));

import { chmod, copyFile, cp, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";

import { Fault } from "#domain/fault.ts";

import { command } from "../hosts/command.ts";
import { findModules, loadOrder } from "./modules.ts";
import type { UnpackedPackages } from "./packages.ts";

const baseModules = ["virtio_pci", "virtio_blk", "virtio_console", "virtio_net", "virtio_rng", "button", "evdev"];
const scsiModules = ["virtio_scsi", "sd_mod"];
const libraries = "lib/x86_64-linux-gnu";

/** Builds the guest's whole user space, an initial RAM disk: busybox, the guest agent, the writer, the kernel modules it needs and `rootfs/`. */
export const buildInitrd = async (request: {
  readonly packages: UnpackedPackages;
  readonly writer: string;
  /** The file to make. */
  readonly target: string;
  readonly signal?: AbortSignal | undefined;
}): Promise<void> => {
  const { packages, signal } = request;
  const root = `${request.target}.root`;
  await rm(root, { recursive: true, force: true });
  for (const folder of [
    "bin",
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "var/log",
    "usr/bin",
    "usr/sbin",
    "modules",
    libraries,
    "lib64",
  ]) {
    await mkdir(path.join(root, folder), { recursive: true });
  }
  await cp(path.join(import.meta.dirname, "rootfs"), root, { recursive: true });
  await symlink("../run", path.join(root, "var/run"));
  await copyFile("/bin/busybox", path.join(root, "bin/busybox"));
  await copyFile(request.writer, path.join(root, "usr/bin/writer"));
  await addAgent(packages, root, signal);
  await addModules(packages, root);
  await chmod(path.join(root, "init"), 0o755);
  await pack(root, request.target, signal);
  await rm(root, { recursive: true });
};

const addAgent = async (packages: UnpackedPackages, root: string, signal?: AbortSignal): Promise<void> => {
  const agent = path.join(packages.root, "usr/sbin/qemu-ga");
  await copyFile(agent, path.join(root, "usr/sbin/qemu-ga"));
  const { stdout } = await command(["ldd", agent], { signal });
  const missing = /^\s*(\S+) => not found/m.exec(stdout)?.[1];
  if (missing !== undefined) {
    throw new Fault(
      "PREREQUISITES_FAILED",
      `The guest agent needs the library ${missing}, which is not on this machine; QEMU's packages bring it: apt-get install qemu-system-x86`,
    );
  }
  for (const line of stdout.matchAll(/=> (\/\S+)/g)) {
    const file = line[1];
    if (file !== undefined) await copyFile(file, path.join(root, libraries, path.basename(file)));
  }
  await copyFile("/lib64/ld-linux-x86-64.so.2", path.join(root, "lib64/ld-linux-x86-64.so.2"));
};

const addModules = async (packages: UnpackedPackages, root: string): Promise<void> => {
  const modules = await findModules(path.join(packages.root, "lib/modules", packages.kernel));
  const base = await loadOrder(baseModules, modules);
  const scsi = (await loadOrder(scsiModules, modules)).filter((name) => !base.includes(name));
  await writeFile(path.join(root, "modules/order"), `${base.join("\n")}\n`);
  await writeFile(path.join(root, "modules/order-scsi"), `${scsi.join("\n")}\n`);
  for (const name of [...base, ...scsi]) {
    const file = modules.get(name);
    if (file !== undefined) await copyFile(file, path.join(root, "modules", `${name}.ko`));
  }
};

/** As a cpio archive packed with LZ4 in the frame the kernel knows: unpacking must be cheap on an emulated processor. */
const pack = async (root: string, target: string, signal?: AbortSignal): Promise<void> => {
  const names = (await readdir(root, { recursive: true })).toSorted();
  const archive = `${target}.cpio`;
  await command(["busybox", "cpio", "-o", "-H", "newc", "-F", archive], {
    cwd: root,
    stdin: `.\n${names.join("\n")}\n`,
    signal,
  });
  await command(["lz4", "-q", "-f", "-l", "-9", archive, target], { signal });
  await rm(archive);
};

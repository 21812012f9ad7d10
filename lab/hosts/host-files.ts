import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { command } from "./command.ts";
import type { HostPlan, Topology } from "./topology.ts";

/** Where a host keeps its replicas and scratch, as the host sees it. */
export const storeFolder = "/var/lib/libvirt/understudy";
/** Where a host keeps its machines' disks. */
export const imagesFolder = "/var/lib/libvirt/images";
/** Where the guests' console output and acknowledged writes end up, on every host, so that a definition works on each of them. */
export const consoleFolder = "/var/lib/libvirt/console";

/** Writes what one host needs before it first starts: keys, SSH and libvirt settings. What is there already stays, so a host comes back as it was. */
export const writeHostFiles = async (request: {
  readonly topology: Topology;
  readonly host: HostPlan;
  /** The host's folder on the machine. */
  readonly folder: string;
  readonly authorizedKey: string;
  /** Makes the store a file system of that size. */
  readonly storeBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}): Promise<void> => {
  const { topology, host, folder } = request;
  for (const part of ["etc-libvirt/qemu", "lib/images", "lib/understudy", "lib/console", "log", "cache", "ssh"]) {
    await mkdir(path.join(folder, part), { recursive: true });
  }
  const key = path.join(folder, "ssh/host_key");
  if (!existsSync(key)) await makeKey(key, host.name, request.signal);
  await writeFile(path.join(folder, "ssh/authorized_keys"), request.authorizedKey);
  await writeFile(path.join(folder, "ssh/sshd_config"), sshdSettings(host.address, folder));
  await writeFile(path.join(folder, "hosts"), hostsFile(topology));
  const libvirtd = path.join(folder, "etc-libvirt/libvirtd.conf");
  if (!existsSync(libvirtd)) await writeFile(libvirtd, libvirtdSettings(randomUUID()));
  await writeFile(path.join(folder, "etc-libvirt/qemu.conf"), qemuSettings);
  if (existsSync("/etc/libvirt/libvirt.conf")) {
    await copyFile("/etc/libvirt/libvirt.conf", path.join(folder, "etc-libvirt/libvirt.conf"));
  }
  const store = path.join(folder, "store.img");
  if (request.storeBytes !== undefined && !existsSync(store)) {
    await command(["truncate", "-s", String(request.storeBytes), store], { signal: request.signal });
    await command(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", store], { signal: request.signal });
  }
};

/** Makes an Ed25519 key pair without a passphrase. */
export const makeKey = async (file: string, comment: string, signal?: AbortSignal): Promise<void> => {
  await command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file], { signal });
};

/** A public key file as known_hosts wants it: type and key, without the comment. */
export const readPublicKey = async (file: string): Promise<string> =>
  (await readFile(file, "utf8")).trim().split(" ").slice(0, 2).join(" ");

const sshdSettings = (address: string, folder: string): string => `Port 22
ListenAddress ${address}
HostKey ${folder}/ssh/host_key
AuthorizedKeysFile ${folder}/ssh/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 100
MaxSessions 100
PidFile /run/sshd.pid
Subsystem sftp /usr/lib/openssh/sftp-server
`;

const libvirtdSettings = (uuid: string): string => `host_uuid = "${uuid}"
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_rw_perms = "0700"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
max_workers = 20
ovs_timeout = 1
`;

// Without systemd, cgroups and security labels there is nothing for these drivers to hold on to; files belong to root.
const qemuSettings = `user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
auto_dump_path = "/tmp"
`;

const hostsFile = (topology: Topology): string =>
  [
    "127.0.0.1 localhost",
    `${topology.core.address} control`,
    ...topology.hosts.map(({ address, name }) => `${address} ${name}`),
    ...topology.sites.map(({ address, name }) => `${address} ${name}-worker`),
    "",
  ].join("\n");

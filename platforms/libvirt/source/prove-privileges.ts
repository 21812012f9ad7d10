import type { Check } from "#domain/check.ts";
import { isFault } from "#domain/fault.ts";
import type { TrackedMachine } from "../../platform.ts";
import { cutFolder } from "./cut-file.ts";
import { itemPrefix } from "./node-names.ts";
import type { SourcePlace } from "./place.ts";
import { scratchNode } from "./scratch.ts";

const probeBytes = 16 * 1024 * 1024;

/**
 * Whether the running machine's QEMU may open a scratch file in the store: the only sure answer is to have it open one. Confinement (AppArmor, SELinux) and
 * owners are what usually forbids it.
 */
export const provePrivileges = async (
  { host, store }: SourcePlace,
  tracked: TrackedMachine,
  signal: AbortSignal,
): Promise<Check> => {
  const folder = cutFolder(store, tracked.item);
  const path = `${folder}/probe.qcow2`;
  const name = `${itemPrefix(tracked.item)}probe-scr`;
  const bounds = { signal, timeoutMs: 20_000, purpose: `see whether QEMU may use ${folder}` };
  await host.run(
    `set -e; mkdir -p -m 711 "$1"; qemu-img create -q -f qcow2 "$2" 64M; truncate -s "$3" "$2"
disk=$(virsh -q -c qemu:///system domblklist --details "$4" | awk '$2 == "disk" && $4 ~ /^\\// { print $4; exit }')
if [ -e "$disk" ]; then chown --reference="$disk" "$2" "$1"; fi`,
    [folder, path, probeBytes.toString(), tracked.machine],
    bounds,
  );
  try {
    await host.monitor(
      tracked.machine,
      [
        { execute: "blockdev-add", arguments: scratchNode({ name, path, limitBytes: probeBytes }) },
        { execute: "blockdev-del", arguments: { "node-name": name } },
      ],
      bounds,
    );
    return { name: "Privileges", passed: true, detail: `QEMU may use ${folder}.` };
  } catch (error) {
    if (!isFault(error) || error.code === "CANCELLED") throw error;
    return {
      name: "Privileges",
      passed: false,
      code: error.code === "COMMAND_FAILED" ? "PERMISSION_DENIED" : error.code,
      detail: `QEMU may not use ${folder}: ${error.message}`,
      action: `Where AppArmor confines QEMU, add the line "${store}/** rwk," to /etc/apparmor.d/local/abstractions/libvirt-qemu and restart the machine; where SELinux does, label the store virt_image_t; every folder above it must be passable for QEMU's user.`,
    };
  } finally {
    await host.run(`rm -f "$1"`, [path], { ...bounds, signal: AbortSignal.timeout(10_000) });
  }
};

import type { Check } from "#domain/check.ts";
import { Fault, isFault } from "#domain/fault.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import type { TrackedMachine } from "../../platform.ts";
import { type DomainDescription, readDomain } from "../inventory/domain-xml.ts";
import { firmwareStore } from "../inventory/firmware-store.ts";
import { checkOwner } from "./check-owner.ts";
import { cutFolder } from "./cut-file.ts";
import { fencePath, readFenceMark } from "./fence.ts";
import { readFirmwareVariables } from "./firmware-variables.ts";
import { ioThreadCure, ioThreadsAreSafe } from "./io-threads.ts";
import { isRunning } from "./live-machine.ts";
import { readOfflineMachine } from "./offline-images.ts";
import type { SourcePlace } from "./place.ts";
import { provePrivileges } from "./prove-privileges.ts";

/** snapshot-access and on-cbw-error came with QEMU 7.0 and 7.2; qemu-agent-command and monitor pass-through are older than any libvirt with them. */
const needed = { qemu: [7, 2], libvirt: [8, 0] } as const;

/** Every prerequisite of protecting that machine, all of them, failed or not. Nothing on the machine is left changed. */
export const checkSource = async (
  place: SourcePlace,
  tracked: TrackedMachine,
  signal: AbortSignal,
): Promise<readonly Check[]> => {
  const { host, store } = place;
  let qemuMajor = 0;
  const versions = await attempt("Hypervisor", "Start libvirtd there, or correct the host's login.", async () => {
    const [text = ""] = await host.virsh([["version"]], { signal, timeoutMs: 15_000, purpose: "ask for its versions" });
    qemuMajor = qemuVersion(text)?.[0] ?? 0;
    return [judgeVersions(host.name, text)];
  });
  if (versions.some(({ passed }) => !passed)) return versions;
  const machine = await attempt("Machine", "Correct the item's machine or host in the configuration.", async () => {
    const running = await isRunning(host, tracked.machine, signal);
    const [definition = ""] = await host.virsh([["dumpxml", tracked.machine, ...(running ? [] : ["--inactive"])]], {
      signal,
      timeoutMs: 15_000,
      purpose: `read machine ${tracked.machine}`,
    });
    const domain = readDomain(definition);
    return [
      passed("Machine", `${domain.name} is ${running ? "running" : "shut off"}; firmware ${domain.firmware}.`),
      ...(await checkFence(place, tracked, signal)),
      ...(await attempt("Owner", "See what libvirtd and QEMU log on the host.", async () => [
        await checkOwner(place, { tracked, running }, signal),
      ])),
      ...(await checkFirmware(place, { id: tracked.machine, definition, running }, signal)),
      ...judgeTpm(domain),
      ...judgeDisks(domain, tracked, ioThreadsAreSafe(qemuMajor)),
      judgeAgent(domain, running),
      ...(await attempt("Store", `Make the folder ${store} usable on the host, with free space.`, () =>
        checkStore(place, tracked, signal),
      )),
      ...(await attempt("Privileges", "Give QEMU access to the store (docs/libvirt.md, Privileges).", async () => {
        if (running) return [await provePrivileges(place, tracked, signal)];
        await readOfflineMachine(host, tracked, signal);
        return [passed("Privileges", "The images can be read and written by this login.")];
      })),
    ];
  });
  return [...versions, ...machine];
};

const passed = (name: string, detail: string): Extract<Check, { readonly passed: true }> => ({
  name,
  passed: true,
  detail,
});

/** A check that could not even be made has failed, with the fault's own sentence. */
const attempt = async (
  name: string,
  action: string,
  make: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> => {
  try {
    return await make();
  } catch (error) {
    if (!isFault(error) || error.code === "CANCELLED") throw error;
    return [{ name, passed: false, code: error.code, detail: error.message, action }];
  }
};

const failed = (failure: {
  readonly name: string;
  readonly code: FaultCode;
  readonly detail: string;
  readonly action: string;
}): Check => ({ ...failure, passed: false });

/** Exported for its proof: reads what `virsh version` prints. */
export const judgeVersions = (host: string, text: string): Check => {
  const libvirt = versionOf(/library: libvirt ([\d.]+)/.exec(text)?.[1]);
  const qemu = qemuVersion(text);
  if (libvirt === undefined || qemu === undefined)
    throw new Fault(
      "HYPERVISOR_UNAVAILABLE",
      `Host ${host} does not tell the versions of libvirt and QEMU: ${text.trim()}`,
    );
  const detail = `libvirt ${libvirt.join(".")}, QEMU ${qemu.join(".")}.`;
  if (atLeast(libvirt, needed.libvirt) && atLeast(qemu, needed.qemu)) return passed("Hypervisor", detail);
  return failed({
    name: "Hypervisor",
    code: "PREREQUISITES_FAILED",
    detail: `Host ${host} has ${detail} At least libvirt ${needed.libvirt.join(".")} and QEMU ${needed.qemu.join(".")} are needed.`,
    action: "Upgrade the host's distribution (Debian 12, Ubuntu 23.04, RHEL 9.2 and newer have them).",
  });
};

const qemuVersion = (text: string): readonly number[] | undefined =>
  versionOf(/hypervisor: QEMU ([\d.]+)/.exec(text)?.[1]);

const versionOf = (text: string | undefined): readonly number[] | undefined => text?.split(".").map(Number);

const atLeast = (found: readonly number[], wanted: readonly [number, number]): boolean => {
  const [major = 0, minor = 0] = found;
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1]);
};

/** One check a disk. Exported for its proof. */
export const judgeDisks = (
  domain: DomainDescription,
  tracked: TrackedMachine,
  ioThreadsSafe: boolean,
): readonly Check[] => {
  if (tracked.disks.length === 0)
    return [
      failed({
        name: "Disks",
        code: "DISK_NOT_TRACKABLE",
        detail: `No disk of machine ${domain.name} is left to replicate.`,
        action: "Exclude fewer disks.",
      }),
    ];
  return tracked.disks.map((id) => {
    const name = `Disk ${id}`;
    const disk = domain.disks.find((each) => each.id === id);
    const refuse = (detail: string, action: string): Check =>
      failed({ name, code: "DISK_NOT_TRACKABLE", detail: `Disk ${id} of machine ${domain.name} ${detail}`, action });
    if (disk === undefined)
      return refuse(
        `is not there. It has: ${domain.disks.map((each) => each.id).join(", ")}.`,
        "Correct excludeDisks, or plug the disk in.",
      );
    if (disk.format !== "qcow2")
      return refuse(
        `is ${disk.format}: only qcow2 images can keep the record of changed blocks that replication needs.`,
        "Convert it while the machine is off: qemu-img convert -O qcow2 OLD NEW, then name NEW with type='qcow2' in the definition. Or exclude it.",
      );
    if (disk.shareable)
      return refuse(
        "is shared with other machines: what they write is not seen from here.",
        "Exclude it, or protect the machine that owns it.",
      );
    if (disk.readOnly) return refuse("is read-only and cannot keep a record of changes.", "Exclude it.");
    if (disk.ioThread && !ioThreadsSafe)
      return refuse(
        "is worked on by an I/O thread, and QEMU before 9.0 ends, machine and all, when a reader leaves such a disk.",
        ioThreadCure,
      );
    if (disk.type !== "file" && disk.type !== "block")
      return refuse(
        `is on ${disk.type} storage, which the final copy of a shut-off machine cannot read.`,
        "Move it to a file or block device, or exclude it.",
      );
    return passed(name, `qcow2 on ${disk.bus}, ${disk.location}.`);
  });
};

/** Left by an earlier life of the item that was ended while the host could not be reached. */
const checkFence = async (
  place: SourcePlace,
  tracked: TrackedMachine,
  signal: AbortSignal,
): Promise<readonly Check[]> => {
  const mark = await readFenceMark(place, tracked.machine, signal);
  if (mark === undefined || mark.epoch <= tracked.epoch) return [];
  return [
    failed({
      name: "Fence",
      code: "STALE_EPOCH",
      detail: `It is fenced on host ${place.host.name}: a stand-in of it was started elsewhere by item ${mark.item}, under epoch ${mark.epoch.toString()}.`,
      action: `When no stand-in runs anywhere any more, remove ${fencePath(place.store, tracked.machine)} there.`,
    }),
  ];
};

const checkFirmware = async (
  place: SourcePlace,
  machine: Parameters<typeof readFirmwareVariables>[1],
  signal: AbortSignal,
): Promise<readonly Check[]> => {
  if (firmwareStore(machine.definition).kind === "none") return [];
  const { files = [], warnings = [] } = await readFirmwareVariables(place, machine, signal);
  const name = "Firmware variables";
  if (warnings.length > 0) return warnings.map(({ message }) => ({ ...passed(name, message), warning: true }));
  const [file] = files;
  return [
    passed(
      name,
      file === undefined
        ? "There are none yet: the machine has never run."
        : `${file.sizeBytes.toString()} bytes go with every recovery point.`,
    ),
  ];
};

/** Exported for its proof. */
export const judgeTpm = ({ name, tpm }: Pick<DomainDescription, "name" | "tpm">): readonly Check[] =>
  tpm
    ? [
        {
          ...passed(
            "TPM",
            `${name} has a TPM, whose state is not replicated: at the other site it finds an empty one. What its guest has sealed in it (BitLocker, LUKS by clevis or systemd-cryptenroll) needs its recovery key there.`,
          ),
          warning: true,
        },
      ]
    : [];

/** For information: only app-consistent points need the agent. */
const judgeAgent = (domain: DomainDescription, running: boolean): Check =>
  passed(
    "Guest agent",
    domain.agentChannel
      ? `Its channel is configured${running ? "" : "; the machine is off, so the agent cannot be asked"}.`
      : "None is configured: recovery points will be crash-consistent only.",
  );

/** Room for the scratch of at least one small disk, and a path short enough for a unix socket (108 bytes). */
const checkStore = async (
  { host, store }: SourcePlace,
  tracked: TrackedMachine,
  signal: AbortSignal,
): Promise<readonly Check[]> => {
  const folder = cutFolder(store, tracked.item);
  const longest = `${folder}/us-000000-000000-${tracked.disks.at(-1) ?? "vda"}-000000.sock`;
  if (longest.length > 107)
    return [
      failed({
        name: "Store",
        code: "CONFIG_INVALID",
        detail: `The path ${longest} is ${longest.length.toString()} characters long; a socket's path may have 107.`,
        action: "Choose a shorter store for the host, or a shorter name for the item.",
      }),
    ];
  const { stdout } = await host.run(
    `mkdir -p -m 711 "$1" && test -w "$1" && df -B1 --output=avail "$1" | tail -1`,
    [store],
    { signal, timeoutMs: 15_000, purpose: `use the store ${store}` },
  );
  const free = Number(stdout);
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB are free in ${store}.`;
  return [
    free >= 256 * 1024 * 1024
      ? passed("Store", detail)
      : failed({
          name: "Store",
          code: "STORE_FULL",
          detail: `Only ${detail}`,
          action: "Make room there, or choose another store for the host.",
        }),
  ];
};

import type { Check } from "#domain/check.ts";
import { isFault } from "#domain/fault.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import type { Operation, ReplicaSpec } from "#platforms/platform.ts";
import type { ActivationPlace } from "./activate.ts";
import { checkCopies } from "./carried-copies.ts";
import { emulatorName, lacksTpmEmulator, namedFiles } from "./definition.ts";
import { findDomain, isActivationOf } from "./domains.ts";
import { readHostFacts } from "./host-facts.ts";
import { machineTypeProblem } from "./machine-type.ts";

/** Answers in lines what the host has; nothing is left behind. $1 the store. */
const script = `
for tool in qemu-img qemu-storage-daemon virsh flock sync base64 truncate; do
  if command -v "$tool" >/dev/null 2>&1; then echo "has $tool"; fi
done
echo "version $(qemu-storage-daemon --version 2>/dev/null | sed -n '1s/.*version \\([0-9.]*\\).*/\\1/p')"
if mkdir -p -m 711 "$1/replicas" 2>/dev/null && : >"$1/replicas/.probe" 2>/dev/null; then echo writable; rm -f "$1/replicas/.probe"; fi
echo "free $(df -PB1 "$1" 2>/dev/null | awk 'NR == 2 { print $4 }')"`;

const oldestQemu = [6, 1] as const;

/** Every prerequisite of keeping that machine's replica here and starting it, failed or not. */
export const checkTarget = async (
  { connection, store, folder }: ActivationPlace,
  spec: ReplicaSpec,
  op: Operation,
): Promise<readonly Check[]> => {
  const { stdout } = await connection.run(script, [folder], {
    purpose: "check the target's prerequisites",
    timeoutMs: 30_000,
    signal: op.signal,
  });
  const lines = stdout.split("\n");
  const valueOf = (key: string): string =>
    lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1) ?? "";
  const { name } = connection;
  const tools = ["qemu-img", "qemu-storage-daemon", "virsh", "flock", "sync", "base64", "truncate"].filter(
    (tool) => !lines.includes(`has ${tool}`),
  );
  const [major = 0, minor = 0] = valueOf("version").split(".").map(Number);
  const newEnough = major > oldestQemu[0] || (major === oldestQemu[0] && minor >= oldestQemu[1]);
  const needed = spec.machine.disks
    .filter(({ id }) => spec.disks.includes(id))
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const free = Number(valueOf("free"));
  const adopted = spec.adopt !== undefined;
  return [
    check("Programs on the target host", tools.length === 0, {
      passed: `${name} has all that is needed`,
      failed: `${name} lacks ${tools.join(", ")}`,
      code: "PREREQUISITES_FAILED",
      action:
        "Install QEMU's tools and libvirt's clients there (Debian: apt-get install qemu-system-x86 qemu-utils libvirt-clients coreutils util-linux).",
    }),
    check("QEMU version of the target host", newEnough, {
      passed: `${name} has QEMU ${valueOf("version")}`,
      failed: `${name} has QEMU ${valueOf("version") || "(none)"}`,
      code: "PREREQUISITES_FAILED",
      action: `Upgrade QEMU there to ${oldestQemu.join(".")} or newer.`,
    }),
    check("Replica store", lines.includes("writable"), {
      passed: `${folder} on ${name} is writable`,
      failed: `${folder} on ${name} cannot be written`,
      code: "PERMISSION_DENIED",
      action: `Create ${folder} on ${name} on a file system with room, and let the SSH user write to it.`,
    }),
    check("Space in the replica store", adopted || free >= needed / 10, {
      passed: `${gibibytes(free)} GiB are free in ${folder}; the disks have ${gibibytes(needed)} GiB at most`,
      failed: `only ${gibibytes(free)} GiB are free in ${folder} on ${name} for disks of ${gibibytes(needed)} GiB`,
      code: "STORE_FULL",
      action: `Free or add space in ${folder} on ${name}: at least a tenth of the disks' size, better all of it.`,
    }),
    ...(await checkCopies({ connection, store, folder }, { spec, freeBytes: free }, op)),
    await identityCheck({ connection, store, folder }, spec, op),
    await definitionCheck({ connection, store, folder }, spec, op),
  ];
};

/** Name and UUID have to be free where the machine is to come up. */
const identityCheck = async ({ connection }: ActivationPlace, spec: ReplicaSpec, op: Operation): Promise<Check> => {
  const [same, named] = await Promise.all([
    findDomain(connection, spec.machine.id, op.signal),
    findDomain(connection, spec.machine.name, op.signal),
  ]);
  const foreign = [same, named].find(
    (domain) => domain !== undefined && domain.uuid !== spec.adopt?.machine && !isActivationOf(domain, spec.replica),
  );
  return check("The machine's name and UUID at the target", foreign === undefined, {
    passed: `${spec.machine.name} (${spec.machine.id}) is free on ${connection.name}`,
    failed: `${connection.name} has a machine ${foreign?.name ?? ""} (${foreign?.uuid ?? ""}) already`,
    code: "PREREQUISITES_FAILED",
    action: "Rename or undefine that machine: two with one name or UUID cannot be on one host.",
  });
};

/** Emulator, firmware, kernel files and KVM. Networks depend on the mapping of a failover and are checked by it. */
const definitionCheck = async ({ connection }: ActivationPlace, spec: ReplicaSpec, op: Operation): Promise<Check> => {
  const what = "What the machine's definition needs at the target";
  try {
    const { definition } = spec.machine;
    const files = namedFiles(definition);
    const facts = await readHostFacts(connection, { emulator: emulatorName(definition), files }, op.signal);
    const missing = [
      ...files.filter((file) => !facts.files.has(file) && /OVMF|AAVMF|edk2|vmlinu|initrd|\.fd$/i.test(file)),
      ...(facts.emulator === undefined ? [emulatorName(definition)] : []),
      ...(lacksTpmEmulator(definition, facts) ? ["swtpm, which emulates its TPM"] : []),
      ...(/<domain[^>]*type=["']kvm["']/.test(definition) && !facts.kvm ? ["/dev/kvm"] : []),
    ];
    const { emulator } = facts;
    const problem =
      missing.length > 0 || emulator === undefined
        ? `${connection.name} lacks ${missing.join(", ")}`
        : await machineTypeProblem(connection, { definition, emulator }, op.signal);
    return check(what, problem === undefined, {
      passed: `${connection.name} has it`,
      failed: problem ?? "",
      code: "PREREQUISITES_FAILED",
      action:
        "Install what is missing there (UEFI firmware on Debian: apt-get install ovmf; a TPM: swtpm), bring QEMU to the source's version, or switch virtualization on.",
    });
  } catch (error) {
    if (!isFault(error) || error.code !== "REPLICA_INVALID") throw error;
    return {
      name: what,
      passed: false,
      code: "INVALID_INPUT",
      detail: "the machine's definition is not XML",
      action: "Look at it with virsh dumpxml.",
    };
  }
};

const check = (
  name: string,
  passed: boolean,
  says: { readonly passed: string; readonly failed: string; readonly code: FaultCode; readonly action: string },
): Check =>
  passed
    ? { name, passed, detail: says.passed }
    : { name, passed, code: says.code, detail: says.failed, action: says.action };

const gibibytes = (bytes: number): string => (bytes / 1024 ** 3).toFixed(1);

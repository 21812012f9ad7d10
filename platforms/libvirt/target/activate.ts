import { createHash } from "node:crypto";
import { Fault } from "#domain/fault.ts";
import { machineId, type DiskId, type FailoverId, type MachineId } from "#domain/ids.ts";
import type { Activation, FailoverRequest, Operation } from "#platforms/platform.ts";
import type { HostConnection } from "../host.ts";
import { settingsOf } from "../inventory/metadata.ts";
import { recordName } from "../source/tracking-record.ts";
import { interruptMergeScript, prepareScript } from "./activation-scripts.ts";
import { entries } from "./chain.ts";
import { endDaemons } from "./storage-daemons.ts";
import { adaptDefinition, emulatorName, firmwareStoreOf, namedFiles } from "./definition.ts";
import { findDomain, isActivationOf, removeDomain, type FoundDomain } from "./domains.ts";
import { readHostFacts } from "./host-facts.ts";
import type { ReplicaStore } from "./host-store.ts";
import type { Manifest } from "./manifest.ts";
import { disksToReattach } from "./reattach-disks.ts";
import { startMachine } from "./start-machine.ts";
import type { ActivationPhase, StoredActivation, StoredReplica } from "./stored-replica.ts";

/** One replica on a libvirt host, for what is done with its machines. */
export interface ActivationPlace {
  readonly connection: HostConnection;
  readonly store: ReplicaStore;
  /** The host's folder for everything of ours. */
  readonly folder: string;
}

/** What is written down before anything is done, so that any worker can finish or undo it. */
export const planActivation = (
  { store }: ActivationPlace,
  state: StoredReplica,
  plan: { readonly request: FailoverRequest; readonly manifest: Manifest },
): StoredActivation => {
  const { request, manifest } = plan;
  const folder = store.layout.activation(request.failover);
  const test = request.kind === "test";
  const { definition } = manifest.point;
  const nvram = `${folder}/nvram.fd`;
  const uefi = firmwareStoreOf(definition).kind !== "none";
  const autostart = test ? undefined : settingsOf(definition)?.autostart;
  return {
    failover: request.failover,
    kind: request.kind,
    phase: "preparing",
    point: request.point,
    layer: manifest.layer,
    machine: test ? testMachine(request.failover) : state.machine.id,
    machineName: request.machineName,
    epoch: request.epoch,
    ...(request.isolated && { bridge: privateBridge(request.failover) }),
    // Never in the place that the definition names: another machine's may lie there.
    ...(uefi && { nvram: test ? nvram : (state.home?.nvram ?? nvram) }),
    ...(autostart !== undefined && { autostart }),
    overlays: Object.fromEntries(
      manifest.disks.map(({ id }) => [
        id,
        {
          file: (test ? undefined : state.home?.files[id]) ?? `${folder}/${id}.qcow2`,
          backing: store.layout.image(id, manifest.layer),
        },
      ]),
    ),
  };
};

/** A test machine's UUID: the same for the same failover, whoever computes it. */
const testMachine = (failover: FailoverId): MachineId => {
  const hex = createHash("sha256").update(`test machine ${failover}`).digest("hex");
  return machineId(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
  );
};

/** An interface's name has at most 15 letters. */
const privateBridge = (failover: FailoverId): string =>
  `us-${createHash("sha256").update(failover).digest("hex").slice(0, 11)}`;

/** Stops a merge that runs: it would make a failover wait, and is done again later. */
export const interruptMerge = async ({ store }: ActivationPlace, signal: AbortSignal): Promise<void> => {
  await store.host.run(interruptMergeScript, [store.layout.root], {
    purpose: "interrupt the merging of layers",
    timeoutMs: 30_000,
    signal,
  });
};

/** Goes on from the phase that was reached until the machine runs. */
export const driveActivation = async (
  place: ActivationPlace,
  started: { readonly state: StoredReplica; readonly manifest: Manifest; readonly request: FailoverRequest },
  op: Operation,
): Promise<Activation> => {
  const { request } = started;
  let activation = activationOf(started.state, request.failover);
  if (activation.phase === "preparing") {
    op.progress({ step: `Preparing ${activation.machineName}` });
    const warnings = await prepare(place, { ...started, activation }, op);
    activation = await enterPhase(place, { ...activation, ...(warnings.length > 0 && { warnings }) }, "starting", op);
  }
  if (activation.phase === "starting") {
    op.progress({ step: `Starting ${activation.machineName}` });
    await startMachine(place, activation, op);
    activation = await enterPhase(place, activation, "running", op);
  }
  return describeActivation(activation);
};

export const describeActivation = (activation: StoredActivation): Activation => {
  const { failover, machine, machineName, point, warnings } = activation;
  return { failover, machine, machineName, point, ...(warnings && { warnings }) };
};

/** Rejects with `FAILOVER_NOT_FOUND`. */
export const activationOf = (state: StoredReplica, failover: FailoverId): StoredActivation => {
  const found = state.activations.find((activation) => activation.failover === failover);
  if (found !== undefined) return found;
  const known = state.activations.map((activation) => activation.failover).join(", ");
  throw new Fault(
    "FAILOVER_NOT_FOUND",
    `Replica ${state.replica} has no failover ${failover}; it has: ${known || "none"}.`,
    {
      details: { replica: state.replica, failover },
    },
  );
};

const enterPhase = async (
  { store }: ActivationPlace,
  activation: StoredActivation,
  phase: ActivationPhase,
  op: Operation,
): Promise<StoredActivation> => {
  const state = await store.change(
    (current) => {
      const now = activationOf(current, activation.failover);
      if (now.phase !== activation.phase || now.point !== activation.point)
        throw new Fault(
          "OPERATION_NOT_ALLOWED",
          `Failover ${activation.failover} was changed meanwhile: it is ${now.phase}, at point ${now.point}.`,
        );
      return {
        state: {
          ...current,
          activations: current.activations.map((each) => (each === now ? { ...activation, phase } : each)),
        },
      };
    },
    { purpose: `record that ${activation.machineName} is ${phase}`, signal: op.signal },
  );
  return activationOf(state, activation.failover);
};

/** Everything the machine needs, made anew: nothing of the guest has run yet. Answers what is not as it was. */
const prepare = async (
  place: ActivationPlace,
  what: {
    readonly state: StoredReplica;
    readonly manifest: Manifest;
    readonly request: FailoverRequest;
    readonly activation: StoredActivation;
  },
  op: Operation,
): Promise<readonly string[]> => {
  const { connection, store } = place;
  const { state, manifest, request, activation } = what;
  const { signal } = op;
  if (activation.kind !== "test")
    await endDaemons({ host: connection, layout: store.layout, replica: state.replica }, signal);
  const { definition, leftover, warnings } = await rehearse(place, what, op);
  // What an earlier attempt of ours left goes.
  if (leftover !== undefined) await removeDomain(connection, leftover, { keepNvram: true, signal });
  const folder = store.layout.activation(activation.failover);
  const overlays = entries(activation.overlays).flatMap(([disk, { file, backing }]) => {
    const sizeBytes = sizeOf(manifest, disk);
    const record = { item: request.item, epoch: activation.epoch, cut: activation.point, sizeBytes, imagePath: file };
    return [file, String(sizeBytes), backing, activation.kind === "test" ? "-" : recordName(record)];
  });
  const variables = manifest.files?.find(({ role }) => role === "nvram");
  const carried = [variables === undefined ? "-" : `${store.layout.root}/${variables.path}`, variables?.sha256 ?? "-"];
  const { stdout } = await connection.run(
    prepareScript,
    [folder, activation.bridge ?? "-", activation.nvram ?? "-", ...carried, ...overlays],
    { purpose: `make the disks of ${activation.machineName}`, timeoutMs: 60_000, signal, stdin: definition },
  );
  await connection.virsh([["define", `${folder}/machine.xml`]], {
    purpose: `define machine ${activation.machineName}`,
    timeoutMs: 30_000,
    signal,
  });
  if (activation.nvram === undefined) return warnings;
  const lacking = variables === undefined ? "are not in this recovery point" : "in this recovery point are damaged";
  return variables === undefined || stdout.includes("damaged")
    ? [
        ...warnings,
        `The variables of its UEFI firmware ${lacking}: ${activation.machineName} starts without the boot entries that its guest has made since.`,
      ]
    : warnings;
};

/**
 * Whether the machine can come up here, and by which definition; nothing is changed. Rejects with all that is missing: asked before a failover is recorded,
 * so that one that cannot succeed shuts nobody out.
 */
export const rehearse = async (
  place: ActivationPlace,
  what: {
    readonly state: StoredReplica;
    readonly manifest: Manifest;
    readonly request: FailoverRequest;
    readonly activation: StoredActivation;
  },
  op: Operation,
): Promise<{
  readonly definition: string;
  readonly leftover: FoundDomain | undefined;
  readonly warnings: readonly string[];
}> => {
  const { connection } = place;
  const { manifest, request, activation } = what;
  const { replica, home } = what.state;
  const { definition } = manifest.point;
  const test = activation.kind === "test";
  // A test must not write to what is the real machine's alone.
  const excluded = test || home?.machine !== activation.machine ? [] : (home.excluded ?? []);
  const files = [...namedFiles(definition), ...excluded.flatMap(({ path }) => path ?? [])];
  const [same, named, facts] = await Promise.all([
    findDomain(connection, activation.machine, op.signal),
    findDomain(connection, activation.machineName, op.signal),
    readHostFacts(connection, { emulator: emulatorName(definition), files }, op.signal),
  ]);
  for (const domain of [same, named]) {
    if (domain === undefined || (isActivationOf(domain, replica) && domain.uuid === activation.machine)) continue;
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Host ${connection.name} already has a machine ${domain.name} (${domain.uuid}), which is not of replica ${replica}, so ${activation.machineName} (${activation.machine}) cannot be made there. Rename or undefine it first.`,
      { details: { host: connection.name, machine: domain.uuid, name: domain.name } },
    );
  }
  const disks = manifest.disks.map(({ id }) => id);
  const { disks: reattached, warnings } = disksToReattach(excluded, { disks, files: facts.files });
  const adapted = adaptDefinition(definition, {
    machineName: activation.machineName,
    ...(test && { uuid: activation.machine }),
    ...(activation.nvram !== undefined && { nvram: activation.nvram }),
    reattach: reattached.map(({ xml }) => xml),
    overlays: activation.overlays,
    networks: request.networks,
    ...(activation.bridge !== undefined && { onlyBridge: activation.bridge }),
    mark: { replica, failover: activation.failover, epoch: activation.epoch },
    facts,
  });
  return { definition: adapted, leftover: same, warnings };
};

const sizeOf = (manifest: Manifest, disk: DiskId): number =>
  manifest.disks.find(({ id }) => id === disk)?.sizeBytes ?? 0;

import type { DiskId } from "#domain/ids.ts";
import { Fault, isFault } from "#domain/fault.ts";
import type { FailoverRequest, Operation } from "#platforms/platform.ts";
import { recordName } from "../source/tracking-record.ts";
import type { ActivationPlace } from "./activate.ts";
import { foreignFileExit, prepareScript } from "./activation-scripts.ts";
import { entries } from "./chain.ts";
import { adaptDefinition, emulatorName, namedFiles } from "./definition.ts";
import { findDomain, isActivationOf, removeDomain, type FoundDomain } from "./domains.ts";
import { readHostFacts } from "./host-facts.ts";
import { exitCode } from "./host-store.ts";
import type { Manifest } from "./manifest.ts";
import { disksToReattach } from "./reattach-disks.ts";
import { endDaemons } from "./storage-daemons.ts";
import type { StoredActivation, StoredReplica } from "./stored-replica.ts";

/** An activation that is written down, or is about to be, with what it is made from. */
export interface PlannedActivation {
  readonly state: StoredReplica;
  readonly manifest: Manifest;
  readonly request: FailoverRequest;
  readonly activation: StoredActivation;
}

/** Everything the machine needs, made anew: nothing of the guest has run yet. Answers what is not as it was. */
export const prepareActivation = async (
  place: ActivationPlace,
  what: PlannedActivation,
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
  const stdout = await makeFiles(
    place,
    activation,
    { args: [folder, activation.bridge ?? "-", activation.nvram ?? "-", ...carried, ...overlays], definition },
    signal,
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

const makeFiles = async (
  { connection }: ActivationPlace,
  activation: StoredActivation,
  { args, definition }: { readonly args: readonly string[]; readonly definition: string },
  signal: AbortSignal,
): Promise<string> => {
  const purpose = `make the disks of ${activation.machineName}`;
  try {
    return (await connection.run(prepareScript, args, { purpose, timeoutMs: 60_000, signal, stdin: definition }))
      .stdout;
  } catch (error) {
    if (exitCode(error) !== foreignFileExit) throw error;
    const stderr = isFault(error) ? error.details["stderr"] : undefined;
    const said = typeof stderr === "string" ? stderr : "";
    const inTheWay = Object.values(activation.overlays).find(({ file }) => said.includes(file));
    throw fileInTheWay(connection.name, activation, inTheWay?.file ?? said.trim());
  }
};

const fileInTheWay = (host: string, activation: StoredActivation, file: string): Fault =>
  new Fault(
    "OPERATION_NOT_ALLOWED",
    `${file} on host ${host} is where machine ${activation.machineName} has its disk, and something else is there now that no failover has made: it is left alone. Move it to another place, and see which machine uses it, then try again.`,
    { details: { host, file, machine: activation.machine } },
  );

/**
 * Whether the machine can come up here, and by which definition; nothing is changed. Rejects with all that is missing: asked before a failover is recorded,
 * so that one that cannot succeed shuts nobody out.
 */
export const rehearse = async (
  place: ActivationPlace,
  what: PlannedActivation,
  op: Operation,
): Promise<{
  readonly definition: string;
  readonly leftover: FoundDomain | undefined;
  readonly warnings: readonly string[];
}> => {
  const { connection } = place;
  const { manifest, request, activation } = what;
  const { replica, home, activations } = what.state;
  const { definition } = manifest.point;
  const test = activation.kind === "test";
  // A test must not write to what is the real machine's alone.
  const excluded = test || home?.machine !== activation.machine ? [] : (home.excluded ?? []);
  const made = new Set(activations.flatMap(({ overlays }) => Object.values(overlays).map(({ file }) => file)));
  const wanted = Object.values(activation.overlays).flatMap(({ file }) => (made.has(file) ? [] : [file]));
  const files = [...wanted, ...namedFiles(definition), ...excluded.flatMap(({ path }) => path ?? [])];
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
  // Its old place may have been given to another machine since.
  const taken = wanted.find((file) => facts.files.has(file) || facts.dangling.has(file));
  if (taken !== undefined) throw fileInTheWay(connection.name, activation, taken);
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
    ...(request.onlyNetwork !== undefined && { onlyNetwork: request.onlyNetwork }),
    mark: { replica, failover: activation.failover, epoch: activation.epoch },
    facts,
  });
  return { definition: adapted, leftover: same, warnings };
};

const sizeOf = (manifest: Manifest, disk: DiskId): number =>
  manifest.disks.find(({ id }) => id === disk)?.sizeBytes ?? 0;

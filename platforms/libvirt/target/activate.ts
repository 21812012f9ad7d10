import { createHash } from "node:crypto";
import { Fault } from "#domain/fault.ts";
import { machineId, type FailoverId, type MachineId } from "#domain/ids.ts";
import type { Activation, FailoverRequest, Operation } from "#platforms/platform.ts";
import type { HostConnection } from "../host.ts";
import { settingsOf } from "../inventory/metadata.ts";
import { interruptMergeScript } from "./activation-scripts.ts";
import { firmwareStoreOf } from "./definition.ts";
import type { ReplicaStore } from "./host-store.ts";
import type { Manifest } from "./manifest.ts";
import { prepareActivation } from "./prepare-activation.ts";
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
    const warnings = await prepareActivation(place, { ...started, activation }, op);
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

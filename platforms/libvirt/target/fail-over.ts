import { Fault } from "#domain/fault.ts";
import type { Activation, FailoverRequest, Operation } from "#platforms/platform.ts";
import {
  activationOf,
  describeActivation,
  driveActivation,
  interruptMerge,
  planActivation,
  type ActivationPlace,
} from "./activate.ts";
import { layerOfPoint } from "./chain.ts";
import { takeMachineDown } from "./discard.ts";
import { dropIncoming, withoutIncoming } from "./incoming-plan.ts";
import { pointNotFound, type Manifest } from "./manifest.ts";
import { rehearse } from "./prepare-activation.ts";
import { findManifest, readPoints, type StoredPoints } from "./read-points.ts";
import { refuseStaleEpoch } from "./stale-epoch.ts";
import type { StoredActivation, StoredReplica } from "./stored-replica.ts";

/** Boots the point's machine. What it promises is said at `RecoveryTarget.failOver`. */
export const failOver = async (
  place: ActivationPlace,
  request: FailoverRequest,
  op: Operation,
): Promise<Activation> => {
  const stored = await readPoints(place.store, op.signal);
  const standing = stored.state.activations.find(({ failover }) => failover === request.failover);
  if (standing !== undefined && standing.phase !== "discarding" && standing.point !== request.point)
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Failover ${request.failover} was made from point ${standing.point}: change its recovery point, or begin a new failover.`,
    );
  if (standing?.phase === "running" || standing?.phase === "committed") return describeActivation(standing);
  const manifest = manifestOf(stored, request);
  if (standing === undefined) {
    checkAllowed(stored.state, request);
    refuseSameEpoch(stored.state, request);
    const activation = planActivation(place, stored.state, { request, manifest });
    await rehearse(place, { state: stored.state, manifest, request, activation }, op);
  }
  await interruptMerge(place, op.signal);
  const state = await place.store.change(
    (current) => {
      const known = current.activations.find(({ failover }) => failover === request.failover);
      if (known?.phase === "discarding")
        throw new Fault("OPERATION_NOT_ALLOWED", `Failover ${request.failover} is being undone: begin a new one.`);
      if (known !== undefined) return undefined;
      checkAllowed(current, request);
      refuseSameEpoch(current, request);
      return activated(place, current, { request, manifest });
    },
    { purpose: `record failover ${request.failover}`, signal: op.signal, exclusive: true },
  );
  return await driveActivation(place, { state, manifest, request }, op);
};

/** Stops the uncommitted machine, throws away what it wrote and boots another point. */
export const changePoint = async (
  place: ActivationPlace,
  request: FailoverRequest,
  op: Operation,
): Promise<Activation> => {
  const stored = await readPoints(place.store, op.signal);
  const before = stored.state.activations.find(({ kind }) => kind !== "test");
  if (before === undefined)
    throw new Fault(
      "FAILOVER_NOT_FOUND",
      `Replica ${stored.state.replica} is not failed over, so there is no recovery point to change.`,
    );
  if (before.phase === "committed")
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Failover ${before.failover} of replica ${stored.state.replica} is committed: its recovery point cannot be changed any more.`,
    );
  refuseStaleEpoch(stored.state, request.epoch);
  const manifest = manifestOf(stored, request);
  const same = before.failover === request.failover && before.point === request.point;
  if (same && before.phase === "running") return describeActivation(before);
  if (same) return await driveActivation(place, { state: stored.state, manifest, request }, op);
  // Before the machine is stopped: what cannot succeed leaves it running.
  const rest = without(stored.state, before);
  checkAllowed(rest, request);
  const activation = planActivation(place, rest, { request, manifest });
  await rehearse(place, { state: stored.state, manifest, request, activation }, op);
  op.progress({ step: `Stopping ${before.machineName}` });
  await takeMachineDown(place, { replica: stored.state.replica, activation: before }, op);
  const state = await place.store.change(
    (current) => {
      const now = activationOf(current, before.failover);
      if (now.phase === "committed")
        throw new Fault(
          "OPERATION_NOT_ALLOWED",
          `Failover ${now.failover} was committed meanwhile: its recovery point cannot be changed any more.`,
        );
      const others = without(current, now);
      checkAllowed(others, request);
      const change = activated(place, others, { request, manifest });
      const old = place.store.layout.activation(before.failover);
      return before.failover === request.failover
        ? change
        : { ...change, operations: [...change.operations, { kind: "remove" as const, path: old }] };
    },
    { purpose: `record the recovery point of failover ${request.failover}`, signal: op.signal, exclusive: true },
  );
  return await driveActivation(place, { state, manifest, request }, op);
};

const without = (state: StoredReplica, activation: StoredActivation): StoredReplica => ({
  ...state,
  activations: state.activations.filter(({ failover }) => failover !== activation.failover),
});

const manifestOf = (stored: StoredPoints, request: FailoverRequest): Manifest => {
  const manifest = findManifest(stored, request.point);
  if (manifest !== undefined) return manifest;
  throw pointNotFound(
    request.replica,
    request.point,
    stored.manifests.map(({ point }) => point.id),
  );
};

const checkAllowed = (state: StoredReplica, request: FailoverRequest): void => {
  if (state.deleting === true || state.adopting !== undefined)
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Replica ${state.replica} is being ${state.deleting === true ? "deleted" : "made out of a machine"}: it cannot be failed over now.`,
    );
  if (layerOfPoint(state, request.point) === undefined)
    throw pointNotFound(
      state.replica,
      request.point,
      state.layers.flatMap(({ point, cut }) => (point && cut !== undefined ? [cut] : [])),
    );
  refuseStaleEpoch(state, request.epoch);
  if (request.kind === "test") return;
  const other = state.activations.find(({ kind }) => kind !== "test");
  if (other !== undefined)
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Replica ${state.replica} is failed over already (${other.failover}, ${other.phase}): commit or cancel that, or change its recovery point.`,
    );
};

/** A sender of the same epoch would still be let in: each failover has one of its own. */
const refuseSameEpoch = (state: StoredReplica, { kind, epoch }: FailoverRequest): void => {
  if (kind === "test" || epoch > state.epoch) return;
  throw new Fault(
    "STALE_EPOCH",
    `A ${kind} failover of replica ${state.replica} needs an epoch above ${state.epoch}, which it has seen; it came with ${epoch}.`,
    { details: { replica: state.replica, epoch: state.epoch, asked: epoch } },
  );
};

/**
 * The state with the activation in it. For a real one the epoch is raised and the opener forgotten in the same write: from this instant on no sender writes or seals,
 * and what was half received is gone.
 */
const activated = (
  place: ActivationPlace,
  state: StoredReplica,
  plan: { readonly request: FailoverRequest; readonly manifest: Manifest },
) => {
  const activation = planActivation(place, state, plan);
  const next = { ...state, activations: [...state.activations, activation] };
  if (plan.request.kind === "test") return { state: next, operations: [] };
  const { opener: _opener, ...closed } = withoutIncoming(next);
  return {
    state: { ...closed, epoch: Math.max(state.epoch, plan.request.epoch) },
    operations: dropIncoming(state, place.store.layout),
  };
};

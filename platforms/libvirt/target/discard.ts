import { Fault } from "#domain/fault.ts";
import type { CutId, FailoverId } from "#domain/ids.ts";
import type { Operation } from "#platforms/platform.ts";
import { activationOf, interruptMerge, type ActivationPlace } from "./activate.ts";
import { dropFiles } from "./carried-files.ts";
import { removeScript } from "./activation-scripts.ts";
import type { DiskId } from "#domain/ids.ts";
import { findDomain, isActivationOf, removeDomain } from "./domains.ts";
import type { Operation as StoreOperation } from "./host-store.ts";
import { refuseStaleEpoch } from "./stale-epoch.ts";
import type { StoredActivation } from "./stored-replica.ts";

/** Takes an uncommitted machine and everything it wrote away. Idempotent; what it promises is said at `RecoveryTarget.discard`. */
export const discard = async (
  place: ActivationPlace,
  request: { readonly failover: FailoverId; readonly epoch: number },
  op: Operation,
): Promise<void> => {
  const { store } = place;
  const state = await store.change(
    (current) => {
      refuseStaleEpoch(current, request.epoch);
      const known = current.activations.find(({ failover }) => failover === request.failover);
      if (known === undefined)
        return request.epoch > current.epoch ? { state: { ...current, epoch: request.epoch } } : undefined;
      if (known.phase === "committed")
        throw new Fault(
          "OPERATION_NOT_ALLOWED",
          `Failover ${request.failover} of replica ${current.replica} is committed: it cannot be undone. Reverse the replication instead.`,
        );
      if (known.phase === "discarding") return undefined;
      return {
        state: {
          ...current,
          activations: current.activations.map((each) => (each === known ? { ...known, phase: "discarding" } : each)),
        },
      };
    },
    { purpose: `undo failover ${request.failover}`, signal: op.signal },
  );
  const activation = state.activations.find(({ failover }) => failover === request.failover);
  if (activation === undefined) return;
  op.progress({ step: `Removing ${activation.machineName}` });
  await takeMachineDown(place, { replica: state.replica, activation }, op);
  await store.change(
    (current) => {
      refuseStaleEpoch(current, request.epoch);
      const undone = current.activations.find(({ failover }) => failover === request.failover);
      // Somebody else has come to the end of this meanwhile; what has that name now is not what was taken away here.
      if (undone?.phase !== "discarding") return undefined;
      return {
        state: {
          ...current,
          epoch: activation.kind === "test" ? current.epoch : Math.max(current.epoch, request.epoch),
          activations: current.activations.filter((each) => each !== undone),
        },
      };
    },
    { purpose: `forget failover ${request.failover}`, signal: op.signal },
  );
};

/** Stops and undefines the machine, and removes its disks and private bridge. A machine that no longer is the activation's is not touched. */
export const takeMachineDown = async (
  { connection, store }: ActivationPlace,
  { replica, activation }: { readonly replica: string; readonly activation: StoredActivation },
  op: Operation,
): Promise<void> => {
  const domain = await findDomain(connection, activation.machine, op.signal);
  const files = Object.values(activation.overlays).map(({ file }) => file);
  if (domain !== undefined && isActivationOf(domain, replica))
    await removeDomain(connection, domain, { keepNvram: activation.kind !== "test", signal: op.signal });
  else if (domain !== undefined && files.some((file) => domain.xml.includes(file)))
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Machine ${domain.name} (${domain.uuid}) on host ${connection.name} was defined anew by somebody and uses the disks of failover ${activation.failover}. Remove it by hand, then try again.`,
      { details: { host: connection.name, machine: domain.uuid } },
    );
  await connection.run(
    removeScript,
    [
      store.layout.activation(activation.failover),
      activation.bridge ?? "-",
      ...Object.values(activation.overlays).flatMap(({ file, backing }) => [file, backing]),
    ],
    {
      purpose: `remove the disks of ${activation.machineName}`,
      timeoutMs: 120_000,
      signal: op.signal,
    },
  );
};

/** Makes a failover final: the point it came from stays, all others go; newer ones with their blocks, as nothing stands on them. */
export const commit = async (place: ActivationPlace, failover: FailoverId, op: Operation): Promise<void> => {
  const { store } = place;
  await interruptMerge(place, op.signal);
  await store.change(
    (state) => {
      const activation = activationOf(state, failover);
      if (activation.phase === "committed") return undefined;
      if (activation.kind === "test" || activation.phase !== "running")
        throw new Fault(
          "OPERATION_NOT_ALLOWED",
          `Failover ${failover} of replica ${state.replica} is ${activation.kind === "test" ? "a test" : activation.phase}: only one whose machine runs can be committed.`,
        );
      const blocking = state.activations.find(({ layer }) => layer > activation.layer);
      if (blocking !== undefined)
        throw new Fault(
          "OPERATION_NOT_ALLOWED",
          `Test machine ${blocking.machineName} stands on a newer point of replica ${state.replica}: clean that test up first.`,
        );
      const newer = state.layers.filter(({ layer }) => layer > activation.layer);
      const gone: readonly CutId[] = state.layers.flatMap(({ layer, point, cut }) =>
        point && cut !== undefined && layer !== activation.layer ? [cut] : [],
      );
      const layers = state.layers
        .filter(({ layer }) => layer <= activation.layer)
        .map((layer) => (layer.layer === activation.layer ? layer : { ...layer, point: false }));
      return {
        state: {
          ...state,
          layers,
          activations: state.activations.map((each) =>
            each === activation ? { ...activation, phase: "committed" } : each,
          ),
        },
        operations: [
          ...dropFiles(store.layout, state, { layers }),
          ...gone.map((cut): StoreOperation => ({ kind: "remove", path: store.layout.manifest(cut) })),
          ...newer.flatMap(({ layer, disks }) =>
            (Object.keys(disks) as DiskId[]).flatMap((disk): StoreOperation[] => [
              { kind: "remove", path: store.layout.image(disk, layer) },
              { kind: "remove", path: store.layout.digests(disk, layer) },
            ]),
          ),
        ],
      };
    },
    { purpose: `commit failover ${failover}`, signal: op.signal, exclusive: true },
  );
};

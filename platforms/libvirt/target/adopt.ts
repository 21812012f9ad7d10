import { Fault } from "#domain/fault.ts";
import type { CutId, DiskId, MachineId } from "#domain/ids.ts";
import type { Operation, ReplicaSpec } from "#platforms/platform.ts";
import { firmwareStore } from "../inventory/firmware-store.ts";
import type { ActivationPlace } from "./activate.ts";
import { interruptMerge } from "./activate.ts";
import { adoptableDisks, stillRunning } from "./adoptable-disks.ts";
import { entries, newestLayer } from "./chain.ts";
import { dropFiles } from "./carried-files.ts";
import { checkTakeOver, newReplica } from "./create-replica.ts";
import { findDomain, undefineDomain } from "./domains.ts";
import { findExcludedDisks } from "./excluded-disks.ts";
import { inheritLayers } from "./inherit.ts";
import type { Operation as StoreOperation } from "./host-store.ts";
import { replicaLayout } from "./layout.ts";
import { isStillContent } from "./prove-content.ts";
import { takeDisk } from "./take-disk.ts";
import type { StoredActivation, StoredAdoption, StoredLayer, StoredReplica } from "./stored-replica.ts";

/**
 * Makes the replica out of a machine of this host that is shut off. Its disks become the newest layer: on the layers they stood on, when the machine ran on this replica, else
 * as one image by themselves. The machine is undefined, so that it cannot be started as a second primary; when it comes back it gets its disks where they were.
 * `content` holds only where the disks' records prove that nothing was written since that cut.
 * Every step is written down before: called again it goes on.
 */
export const adoptMachine = async (
  place: ActivationPlace,
  spec: ReplicaSpec,
  adopt: { readonly machine: MachineId; readonly content?: CutId },
  op: Operation,
): Promise<void> => {
  const { store } = place;
  await inheritLayers(place, spec, op);
  const standing = await store.find(op.signal);
  // One whose machine has run here since is not the same any more.
  const isAdopted =
    standing?.replica === spec.replica &&
    standing.adopting === undefined &&
    standing.adopted === adopt.machine &&
    standing.epoch === spec.epoch &&
    standing.activations.every(({ kind }) => kind === "test");
  if (isAdopted) return;
  const state =
    standing?.adopting === undefined ? await recordAdoption(place, { spec, adopt, standing }, op) : standing;
  const adoption = state.adopting;
  if (adoption === undefined) return;
  const domain = await findDomain(place.connection, adoption.machine, op.signal);
  if (domain !== undefined) {
    if (domain.running) throw stillRunning(domain, place.connection.name);
    await undefineDomain(place.connection, domain, {
      purpose: `undefine the old primary ${domain.name}`,
      signal: op.signal,
    });
  }
  await proveContent(place, { spec, adoption }, op);
  for (const [disk, { file, backing }] of entries(adoption.disks)) {
    op.progress({ step: `Taking disk ${disk} of ${adoption.name} in` });
    await takeDisk(place, { disk, file, backing, layer: adoption.layer }, op);
  }
  await finishAdoption(place, spec, op);
};

/** Written down before the disks are touched, which takes their records away. */
const proveContent = async (
  place: ActivationPlace,
  { spec, adoption }: { readonly spec: ReplicaSpec; readonly adoption: StoredAdoption },
  op: Operation,
): Promise<void> => {
  const { content } = adoption;
  if (content === undefined || adoption.proven !== undefined) return;
  const proven = await isStillContent(place, { spec, adoption, content }, op);
  await place.store.change(
    (state) =>
      state.adopting === undefined || state.adopting.proven !== undefined
        ? undefined
        : { state: { ...state, adopting: { ...state.adopting, proven } } },
    { purpose: `record whether machine ${adoption.name} is still cut ${content}`, signal: op.signal },
  );
};

/** Looks at the machine and writes down what is going to be done, before anything is. */
const recordAdoption = async (
  place: ActivationPlace,
  what: {
    readonly spec: ReplicaSpec;
    readonly adopt: { readonly machine: MachineId; readonly content?: CutId };
    readonly standing: StoredReplica | undefined;
  },
  op: Operation,
): Promise<StoredReplica> => {
  const { connection, store } = place;
  const { spec, adopt } = what;
  const domain = await findDomain(connection, adopt.machine, op.signal);
  if (domain === undefined)
    throw new Fault(
      "MACHINE_NOT_FOUND",
      `Host ${connection.name} has no machine ${adopt.machine} to make replica ${spec.replica} of: create the replica without it, which copies everything.`,
      {
        details: { host: connection.name, machine: adopt.machine },
      },
    );
  const disks = await adoptableDisks(connection, { spec, domain }, op.signal);
  const replicated = spec.disks.map(String);
  const excluded = await findExcludedDisks(connection, { domain, item: spec.item, replicated }, op.signal);
  const variables = firmwareStore(domain.xml);
  const nvram =
    variables.kind === "file" && !variables.path.startsWith(`${place.folder}/`) ? variables.path : undefined;
  const plan = (
    state: StoredReplica,
  ): { readonly state: StoredReplica; readonly operations: readonly StoreOperation[] } => {
    const ran = state.activations.find(
      (activation) => activation.machine === adopt.machine && activation.phase === "committed",
    );
    // The state may be an earlier replica's, whose layers this one goes on with.
    const earlier = replicaLayout(place.folder, state.replica);
    const adopting: StoredAdoption = {
      machine: adopt.machine,
      name: domain.name,
      ...(adopt.content !== undefined && { content: adopt.content }),
      layer: state.nextLayer,
      ...(nvram !== undefined && { nvram }),
      excluded,
      folders: state.activations.map(({ failover }) => earlier.activation(failover)),
      disks: Object.fromEntries(
        entries(disks).map(([id, { file, sizeBytes }]) => [id, { file, sizeBytes, backing: standsOn(ran, id, file) }]),
      ),
    };
    // The whole definition, for people: the machine itself comes back by the definition of its newest point.
    const operations: StoreOperation[] = [
      { kind: "write", path: `${store.layout.root}/adopted.xml`, bytes: Buffer.from(domain.xml) },
    ];
    return {
      state: {
        ...state,
        replica: spec.replica,
        epoch: spec.epoch,
        sourceSite: spec.sourceSite,
        nextLayer: state.nextLayer + 1,
        adopting,
      },
      operations,
    };
  };
  const options = {
    purpose: `record that machine ${domain.name} becomes replica ${spec.replica}`,
    signal: op.signal,
    exclusive: true,
  };
  if (what.standing === undefined) return await store.create(plan(newReplica(spec)), options);
  await interruptMerge(place, op.signal);
  return await store.change((state) => {
    checkTakeOver(state, spec, connection.name);
    const uncommitted = state.activations.find(({ phase }) => phase !== "committed");
    if (uncommitted !== undefined)
      throw new Fault(
        "OPERATION_NOT_ALLOWED",
        `Replica ${state.replica} has the uncommitted failover ${uncommitted.failover} (${uncommitted.machineName}): commit it, cancel it or clean it up first.`,
      );
    return state.adopting === undefined ? plan(state) : undefined;
  }, options);
};

/** The layer of this replica that the machine's disk stands on; −1 for one from elsewhere. */
const standsOn = (ran: StoredActivation | undefined, disk: DiskId, file: string): number =>
  ran !== undefined && ran.overlays[disk]?.file === file ? ran.layer : -1;

const finishAdoption = async ({ store }: ActivationPlace, spec: ReplicaSpec, op: Operation): Promise<void> => {
  await store.change(
    (state) => {
      const { adopting } = state;
      if (adopting === undefined) return undefined;
      const { adopting: _done, ...rest } = state;
      const layer: StoredLayer = {
        layer: adopting.layer,
        ...(adopting.content !== undefined && adopting.proven === true && { cut: adopting.content }),
        point: false,
        kept: false,
        disks: Object.fromEntries(
          entries(adopting.disks).map(([disk, { sizeBytes, backing }]) => [
            disk,
            { sizeBytes, backing, digests: "partial" as const },
          ]),
        ),
      };
      // What came from elsewhere goes back where it was; what ran on this replica keeps the place it had then, if it had one.
      const came = Object.fromEntries(
        entries(adopting.disks).flatMap(([disk, { file, backing }]) => (backing < 0 ? [[disk, file]] : [])),
      );
      const files = { ...state.home?.files, ...came };
      const nvram = adopting.nvram ?? state.home?.nvram;
      const beneath = newestLayer(state);
      return {
        state: {
          ...rest,
          sourceSite: spec.sourceSite,
          epoch: spec.epoch,
          adopted: adopting.machine,
          home: {
            machine: adopting.machine,
            name: adopting.name,
            files,
            ...(nvram !== undefined && { nvram }),
            ...(adopting.excluded !== undefined && adopting.excluded.length > 0 && { excluded: adopting.excluded }),
          },
          layers: [...state.layers.map((each) => ({ ...each, point: false })), layer],
          activations: [],
        },
        operations: [
          ...(beneath === undefined ? [] : state.layers).flatMap(({ point, cut }): StoreOperation[] =>
            point && cut !== undefined ? [{ kind: "remove", path: store.layout.manifest(cut) }] : [],
          ),
          ...dropFiles(store.layout, state, { layers: [] }),
          ...adopting.folders.map((path): StoreOperation => ({ kind: "remove", path })),
          ...foldersAround(adopting.folders).map((path): StoreOperation => ({ kind: "tidy", path })),
        ],
      };
    },
    { purpose: `finish making replica ${spec.replica}`, signal: op.signal, exclusive: true },
  );
};

const foldersAround = (paths: readonly string[]): readonly string[] => [
  ...new Set(paths.map((path) => path.slice(0, path.lastIndexOf("/")))),
];

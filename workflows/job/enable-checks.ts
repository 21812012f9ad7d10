import type { Check } from "#domain/check.ts";
import type { DiskId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";
import type { ReplicaSpec, TrackedMachine } from "#platforms/platform.ts";
import { faultOf } from "#workflows/failure.ts";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { networksOf } from "#workflows/job/failover-request.ts";
import type { Steps } from "#workflows/job/job.ts";
import { mappedNetworks } from "#workflows/job/network-checks.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { newReplicaId } from "#workflows/names.ts";
import { atSite } from "#workflows/sites.ts";

/** Everything at both sides that protection needs; what fails is reported together. Answers the replica that is to be made. */
export async function checkProtection(job: Steps): Promise<ReplicaSpec> {
  const { item } = job;
  const [source, target] = [sourceOf(item), targetOf(item)];
  const found = await findMachine(item);
  const spec = "machine" in found ? replicaSpec(item, found.machine) : undefined;
  await prerequisites(job, {
    [`primary site ${source.site}`]: async () => {
      if (spec === undefined) return "check" in found ? [found.check] : [];
      return [
        disksLeft(spec),
        ...(await atSite(source.site).checkSource({ host: source.host, tracked: trackedBy(spec) })),
      ];
    },
    [`secondary site ${target.site}`]: async () => {
      const networks = await atSite(target.site).listNetworks({ host: target.host });
      if (spec === undefined) return [];
      return [
        ...mappedNetworks(targetNetworks(item, spec.machine), networks),
        ...(await atSite(target.site).checkTarget({ host: target.host, spec })),
      ];
    },
  });
  if (spec === undefined) throw new Error("unreachable: a machine that was not found is a failed prerequisite");
  return spec;
}

async function findMachine(item: ItemState): Promise<{ readonly machine: Machine } | { readonly check: Check }> {
  const { site, host } = sourceOf(item);
  try {
    return { machine: await atSite(site).findMachine({ host, nameOrId: item.configuration.machine }) };
  } catch (error) {
    const { code, message, action } = faultOf(error);
    return { check: { name: "machine", passed: false, code, detail: message, action } };
  }
}

function replicaSpec(item: ItemState, machine: Machine): ReplicaSpec {
  const { excludeDisks } = item.configuration;
  return {
    replica: newReplicaId({ item: item.item, host: targetOf(item).host, epoch: item.epoch }),
    item: item.item,
    machine,
    disks: machine.disks.map(({ id }) => id).filter((id) => !excludeDisks.includes(id)),
    epoch: item.epoch,
    sourceSite: sourceOf(item).site,
  };
}

const trackedBy = (spec: ReplicaSpec): TrackedMachine => ({
  item: spec.item,
  machine: spec.machine.id,
  disks: spec.disks,
  epoch: spec.epoch,
});

/** Where the machine's adapters will hang after a failover: mapped, or on a network of the same name. */
const targetNetworks = (item: ItemState, machine: Machine): readonly string[] => {
  const mapping = networksOf(item);
  return machine.adapters.map(({ network }) => mapping[network] ?? network);
};

const disksLeft = ({ machine, disks }: { readonly machine: Machine; readonly disks: readonly DiskId[] }): Check =>
  disks.length > 0
    ? { name: "disks", passed: true, detail: `${disks.join(", ")} of ${machine.disks.length} will be replicated.` }
    : {
        name: "disks",
        passed: false,
        code: "CONFIG_INVALID",
        detail: `Every disk of ${machine.name} is excluded, or it has none.`,
        action: "Take a disk out of excludeDisks.",
      };

import type { Check } from "#domain/check.ts";
import { chooseDisks } from "#domain/excluded-disks.ts";
import type { Machine } from "#domain/machine.ts";
import type { ReplicaSpec, TrackedMachine } from "#platforms/platform.ts";
import { faultOf } from "#workflows/failure.ts";
import { isSamePlace, pendingFences } from "#workflows/item/earlier-fences.ts";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { autostartCheck } from "#workflows/job/autostart-check.ts";
import { networksOf } from "#workflows/job/failover-request.ts";
import type { Steps } from "#workflows/job/job.ts";
import { mappedNetworks } from "#workflows/job/network-checks.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { replicaIdAt } from "#workflows/job/replica-id.ts";
import { atSite } from "#workflows/sites.ts";

/** Everything at both sides that protection needs; what fails is reported together. Answers the replica that is to be made. */
export async function checkProtection(job: Steps): Promise<ReplicaSpec> {
  const { item } = job;
  const [source, target] = [sourceOf(item), targetOf(item)];
  const found = await findMachine(item);
  const spec = "machine" in found ? replicaSpec(item, found.machine, job.input.copies) : undefined;
  await prerequisites(job, {
    [`primary site ${source.site}`]: async () => {
      if (spec === undefined) return "check" in found ? [found.check] : [];
      return [
        diskCheck(item, spec.machine),
        ...fenceCheck(item, spec.machine),
        ...autostartCheck(item, spec.machine),
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
  return withoutDefinition(spec);
}

/** Only the checks look at it. */
export const withoutDefinition = (spec: ReplicaSpec): ReplicaSpec => ({
  ...spec,
  machine: { ...spec.machine, definition: "" },
});

async function findMachine(item: ItemState): Promise<{ readonly machine: Machine } | { readonly check: Check }> {
  const { site, host } = sourceOf(item);
  try {
    return {
      machine: await atSite(site).findMachine({ host, nameOrId: item.configuration.machine, withDefinition: true }),
    };
  } catch (error) {
    const { code, message, action } = faultOf(error);
    return { check: { name: "machine", passed: false, code, detail: message, action } };
  }
}

function replicaSpec(item: ItemState, machine: Machine, copies: ReplicaSpec["copies"]): ReplicaSpec {
  return {
    replica: replicaIdAt(item, targetOf(item).host),
    item: item.item,
    machine,
    disks: choice(item, machine).replicated,
    epoch: item.epoch,
    sourceSite: sourceOf(item).site,
    ...(copies !== undefined && { copies }),
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

const choice = ({ configuration }: ItemState, { name, disks }: Machine) =>
  chooseDisks({ name, disks: disks.map(({ id }) => id), excluded: configuration.excludeDisks });

/** A fence that an earlier protection left to be done would turn the machine off that is to be protected now. */
function fenceCheck(item: ItemState, { id, name }: Machine): readonly Check[] {
  const { site, host } = sourceOf(item);
  if (!pendingFences(item).some((fence) => isSamePlace(fence, { site, host, machine: id }))) return [];
  return [
    {
      name: "fence",
      passed: false,
      code: "STALE_EPOCH",
      detail: `${name} was failed over from here and another machine started in its place, and it has yet to be turned off: that is done as soon as host ${host} does what it is asked.`,
      action: "Wait until it is off. When no machine runs in its place any more, start it and protect it again.",
    },
  ];
}

function diskCheck(item: ItemState, machine: Machine): Check {
  const { replicated, problem } = choice(item, machine);
  if (problem === undefined)
    return {
      name: "disks",
      passed: true,
      detail: `${replicated.join(", ")} of ${machine.disks.length} will be replicated.`,
    };
  const action = `Correct items.${item.item}.excludeDisks, apply it, and protect again.`;
  return { name: "disks", passed: false, code: "CONFIG_INVALID", detail: problem, action };
}

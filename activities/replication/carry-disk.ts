import { bytesPerSecondAt } from "#domain/bandwidth.ts";
import type { CutId } from "#domain/ids.ts";
import type { BlockSource } from "#transfer/block.ts";
import type { CopyResult, ReplicaSession } from "#transfer/session.ts";
import type { DiskPlan } from "./decide.ts";
import { below } from "./below.ts";
import type { Stretch } from "./stretch.ts";
import { operationOf } from "./stretch.ts";

/**
 * Brings one disk of the cut into the incoming delta. What an earlier attempt left is gone on with from its end first, and mended after that: then every
 * checkpoint stays true, that below it all is of the incoming delta's first cut or of a later one.
 */
export async function carryDisk(stretch: Stretch, plan: DiskPlan, cut: CutId): Promise<readonly CopyResult[]> {
  const results: CopyResult[] = [];
  if (plan.from < plan.sizeBytes) {
    await using source = await open(stretch, { plan, cut, ...(plan.since && { since: plan.since }) });
    const verb = plan.verb === "copy" ? "copy" : "resynchronize";
    results.push(await transfer(stretch, { verb, plan, source, from: plan.from }));
  }
  if (plan.again !== undefined) {
    stretch.reporter.again("what has changed since an earlier cut is sent now");
    await using source = await open(stretch, { plan, cut, since: plan.again });
    results.push(await transfer(stretch, { verb: "copy", plan, source: below(source, plan.from), from: 0 }));
  }
  stretch.reporter.completed(plan.disk);
  return results;
}

function open(
  stretch: Stretch,
  of: { readonly plan: DiskPlan; readonly cut: CutId; readonly since?: CutId },
): Promise<BlockSource> {
  const { cut, since } = of;
  const { disk } = of.plan;
  const request = { tracked: stretch.request.tracked, cut, disk, ...(since && { since }) };
  return stretch.source.openDisk(request, operationOf(stretch, { verb: `open-${disk}-since-${since ?? "ever"}`, cut }));
}

async function transfer(
  stretch: Stretch,
  of: {
    readonly verb: "copy" | "resynchronize";
    readonly plan: DiskPlan;
    readonly source: BlockSource;
    readonly from: number;
  },
): Promise<CopyResult> {
  const { policy } = stretch.request;
  const { disk } = of.plan;
  const account = stretch.reporter.transfer(disk, of.from);
  const request: Parameters<ReplicaSession["copy"]>[0] = {
    disk,
    source: of.source,
    from: of.from,
    bytesPerSecond: () => bytesPerSecondAt(policy, stretch.clock.now()),
    compression: policy.compression,
    onProgress: account.progress,
    signal: stretch.signal,
  };
  const result = await (of.verb === "copy" ? stretch.session.copy(request) : stretch.session.resynchronize(request));
  account.done(result);
  return result;
}

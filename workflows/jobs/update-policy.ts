import { condition, getExternalWorkflowHandle, patched } from "@temporalio/workflow";
import { Fault } from "#domain/fault.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import { nearest } from "#domain/nearest.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { policyChosen } from "#workflows/messages.ts";
import { configurationWorkflowId } from "#workflows/names.ts";
import { orchestrator } from "#workflows/sites.ts";

/**
 * Replicates by another policy, or by the present one as it has been applied anew, from the next cycle on; nothing is sent again. Cancelling has nothing to undo.
 */
export async function UpdatePolicy(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "UpdatePolicy",
    input,
    async run(job) {
      const found = await job.task("Check the replication policy", async () => {
        const { policies, networkMappings, items } = await orchestrator.readConfiguration();
        const name = job.input.policy ?? items[job.item.item]?.policy ?? job.item.policy.name;
        const policy = policies[name];
        if (policy !== undefined) return { policy, networkMappings };
        const known = Object.keys(policies);
        const meant = nearest(name, known);
        throw new Fault(
          "INVALID_INPUT",
          `There is no policy “${name}”${meant === undefined ? "" : ` (did you mean ${meant}?)`}. There are: ${known.join(", ") || "none"}.`,
        );
      });
      const isTold = await job.task("Update properties", async () => {
        const { name: policy } = found.policy;
        job.note(`policy ${policy}`);
        // Jobs that began before this was known change the item alone.
        if (!patched("chosen-policy")) return false;
        await getExternalWorkflowHandle(configurationWorkflowId).signal(policyChosen, { item: job.item.item, policy });
        return await condition(() => job.item.configuration.policy === policy, "10 seconds");
      });
      // The configuration's keeper has told the item, and tells it in order with whatever else is applied meanwhile.
      if (isTold) return {};
      return { patch: { ...found, configuration: { ...job.item.configuration, policy: found.policy.name } } };
    },
  });
}

import { getExternalWorkflowHandle, patched } from "@temporalio/workflow";
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
      await job.task("Update properties", async () => {
        const chosen = { item: job.item.item, policy: found.policy.name };
        if (patched("chosen-policy"))
          await getExternalWorkflowHandle(configurationWorkflowId).signal(policyChosen, chosen);
        job.note(`policy ${chosen.policy}`);
      });
      const configuration = { ...job.item.configuration, policy: found.policy.name };
      return { patch: { ...found, configuration } };
    },
  });
}

import { workflowBundle } from "#workers/workflow-bundle.ts";

/** Before any test that runs workflows: bundles them once. Each test file would find the cached bundle missing at the same moment and make its own. */
export const setup = async (): Promise<void> => {
  await workflowBundle();
};

import { type Client, WorkflowNotFoundError } from "@temporalio/client";

/** Whether a workflow of that id runs now. Needs no worker. One that has ended would still answer questions, with what it knew last. */
export async function isRunning(client: Client, id: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(id).describe();
    return status.name === "RUNNING";
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

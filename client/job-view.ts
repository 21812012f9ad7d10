import type { WorkflowExecutionInfo } from "@temporalio/client";
import { bytesOf, passText } from "#client/live-report.ts";
import { faultTable } from "#domain/fault-table.ts";
import { instant } from "#domain/ids.ts";
import type { JobFault, JobState, JobView } from "#domain/job.ts";
import type { ReplicationReport } from "#workflows/messages.ts";

/** A workflow as Temporal lists or describes it. */
type Execution = Pick<WorkflowExecutionInfo, "status"> & {
  readonly memo?: Record<string, unknown> | undefined;
  readonly closeTime?: Date | undefined;
};
/** What a job has said of itself last; its workflow keeps it in the memo, so that reading it needs no worker. */
const saidBy = ({ memo }: Execution): JobView | undefined => memo?.["job"] as JobView | undefined;

const ended: Partial<Record<WorkflowExecutionInfo["status"]["name"], { state: JobState; message: string }>> = {
  TERMINATED: {
    state: "Failed",
    message: "The job was terminated; the item has put in order what it left behind, and says so in its health.",
  },
  TIMED_OUT: {
    state: "Failed",
    message: "The job ran out of time; the item has put in order what it left behind, and says so in its health.",
  },
  FAILED: { state: "Failed", message: "The job failed before it had said anything: see its failure in Temporal's UI." },
  CANCELLED: { state: "Cancelled", message: "The job was cancelled." },
};

/** A job as it is now; `undefined` for a workflow that is no job. A job that died could not say so itself: how its run ended is added. */
export function jobViewOf(execution: Execution): JobView | undefined {
  const said = saidBy(execution);
  if (said === undefined) return undefined;
  const end = ended[execution.status.name];
  if (end === undefined || said.endedAt !== undefined) return said;
  return {
    ...said,
    state: end.state,
    fault: told(end.message),
    tasks: said.tasks.map((task) => (task.state === "InProgress" ? { ...task, state: end.state } : task)),
    endedAt: instant((execution.closeTime ?? new Date()).getTime()),
  };
}

/** The same, with how far its running task has come, and in which pass. */
export function withProgress(view: JobView, report: ReplicationReport | undefined): JobView {
  const bytes = bytesOf(report);
  const pass = passText(report);
  if (bytes === undefined && pass === undefined) return view;
  const progress = { ...bytes, ...(pass === undefined ? {} : { detail: pass }) };
  return { ...view, tasks: view.tasks.map((task) => (task.state === "InProgress" ? { ...task, ...progress } : task)) };
}

/** The same, with what its running task waits for. */
export const withWaiting = (view: JobView, waiting: string): JobView => ({
  ...view,
  tasks: view.tasks.map((task) => (task.state === "InProgress" ? { ...task, detail: waiting } : task)),
});

const told = (message: string): JobFault => {
  const { causes, action } = faultTable.INTERNAL;
  return { code: "INTERNAL", message, causes, action };
};

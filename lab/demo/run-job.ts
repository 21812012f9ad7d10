import { Fault } from "#domain/fault.ts";
import type { JobInput, JobTask, JobView } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";
import { inProgress, inSeconds } from "./figures.ts";
import type { Scene } from "./scene.ts";

export interface FinishedJob {
  readonly view: JobView;
  /** When it was asked for, ms since 1970. */
  readonly orderedAt: number;
}

/** Starts an operation, tells its tasks as they go by, and answers when it has succeeded. Rejects with the job's own fault when it has not. */
export const runJob = async (
  scene: Scene,
  operation: OperationName,
  input: Omit<JobInput, "item"> = {},
): Promise<FinishedJob> => {
  const { stage, narrator, signal } = scene;
  const orderedAt = Date.now();
  const id = await stage.client.start(operation, { item: stage.item, requestedBy: "demo", ...input });
  const told = new Set<string>();
  let last: JobView | undefined;
  for await (const view of stage.client.watch(id, signal)) {
    last = view;
    for (const task of view.tasks) tell(scene, task, told);
  }
  signal.throwIfAborted();
  const view = last ?? (await stage.client.job(id));
  if (view.state !== "Succeeded" && view.state !== "CompletedWithInformation") {
    throw new Fault(
      view.fault?.code ?? "INTERNAL",
      `The job ${view.scenario} (${id}) ended as ${view.state}: ${view.fault?.message ?? "it gave no reason"} ${view.fault?.action ?? ""}`,
    );
  }
  for (const information of view.result?.information ?? []) narrator.say(`(${information})`);
  return { view, orderedAt };
};

const tell = ({ narrator }: Scene, task: JobTask, told: Set<string>): void => {
  if (task.state === "InProgress") {
    const amount = task.bytesTotal === undefined ? "" : `: ${inProgress(task.bytesDone ?? 0, task.bytesTotal)}`;
    narrator.progress(`${task.name}${amount}`);
  }
  if (task.endedAt === undefined || told.has(task.name)) return;
  told.add(task.name);
  const took =
    task.startedAt === undefined ? "" : ` (${inSeconds(Date.parse(task.endedAt) - Date.parse(task.startedAt))})`;
  const outcome = task.state === "Succeeded" ? "" : ` — ${task.state}`;
  narrator.say(`· ${task.name}${took}${outcome}${task.detail === undefined ? "" : `: ${task.detail}`}`);
};

import { setTimeout as sleep } from "node:timers/promises";
import type { JobInput, JobView } from "#domain/job.ts";
import type { TaskName } from "#domain/job-scenarios.ts";
import type { OperationName } from "#domain/operations.ts";
import { killLibvirtd, startLibvirtd } from "#lab/faults/services.ts";
import { lyon, paris, type World } from "./world.ts";

/** What can die as by kill -9, and be brought back. */
export type Victim = "libvirtd at paris" | "libvirtd at lyon" | "worker of paris" | "worker of lyon" | "Temporal";

const victims = (
  world: World,
): Readonly<Record<Victim, { readonly kill: () => Promise<void>; readonly mend: () => Promise<void> }>> => {
  const libvirtd = (site: typeof paris) => ({
    kill: () => killLibvirtd(world.host(site)),
    mend: () => startLibvirtd(world.host(site)),
  });
  const worker = (site: "paris" | "lyon") => ({
    kill: () => world.workers[site].kill(),
    mend: () => world.workers[site].start(),
  });
  return {
    "libvirtd at paris": libvirtd(paris),
    "libvirtd at lyon": libvirtd(lyon),
    "worker of paris": worker("paris"),
    "worker of lyon": worker("lyon"),
    Temporal: { kill: () => world.killTemporal(), mend: () => world.startTemporal() },
  };
};

/** Long enough that the first attempt of a step fails. */
const awayMs = 1_500;

/** What is killed when a task begins; it is back after a moment, or when the job comes to the task that `until` names. */
export type Strike = Victim | { readonly kill: Victim; readonly until: string };

/** Runs an operation and kills in the middle of its tasks, in their order. Answers how the job ended. Rejects when it ended without having come to one of the tasks. */
export const runStruck = async <Operation extends OperationName>(
  world: World,
  operation: Operation,
  order: Omit<JobInput, "item"> & { readonly strikes: Partial<Readonly<Record<TaskName<Operation>, Strike>>> },
): Promise<JobView> => {
  const { strikes, ...input } = order;
  const job = await world.start(operation, input);
  for (const [task, strike] of Object.entries<Strike | undefined>(strikes)) {
    if (strike === undefined) continue;
    const { kill: victim, until } = typeof strike === "string" ? { kill: strike, until: undefined } : strike;
    const { kill, mend } = victims(world)[victim];
    await untilBegun(world, job, task);
    await kill();
    if (until === undefined) await sleep(awayMs);
    else await untilBegun(world, job, until);
    await mend();
  }
  return await world.ended(job);
};

/** Resolves when the job has begun that task; rejects when it ends without. */
export const untilBegun = async (world: World, job: string, task: string): Promise<void> => {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const { tasks, endedAt, fault } = await world.client.job(job);
    if (tasks.some(({ name, state }) => name === task && state !== "NotStarted")) return;
    if (endedAt !== undefined || Date.now() > deadline) {
      throw new Error(`${job} has not come to “${task}”: ${JSON.stringify(fault)} ${JSON.stringify(tasks)}`);
    }
    await sleep(10);
  }
};

import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** Stops every thread of a process, and only resolves when the last one stands: SIGSTOP alone lets some go on for a moment. Disposing lets it go on. */
export const stopProcess = async (pid: number): Promise<Disposable> => {
  process.kill(pid, "SIGSTOP");
  while (!(await threadStates(pid)).every((state) => state === "T")) await sleep(2);
  return { [Symbol.dispose]: () => process.kill(pid, "SIGCONT") };
};

/** proc(5): the state follows the name, which stands in parentheses and may hold anything. */
const threadStates = async (pid: number): Promise<readonly string[]> => {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(threads.map((id) => readFile(`/proc/${pid}/task/${id}/stat`, "utf8")));
  return stats.map((stat) => stat.charAt(stat.lastIndexOf(")") + 2));
};

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { Fault } from "#domain/fault.ts";

/** A program that runs beside this process and ends with it, unless it is let go. */
export interface Daemon {
  readonly pid: number;
  isRunning(): boolean;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Leaves it running when this process ends. */
  letGo(): void;
}

/** Starts a program with its output in a log. It is detached, so that Ctrl-C at the terminal reaches this process alone, which then ends its daemons in order. */
export const startDaemon = async (program: string, args: readonly string[], logFile: string): Promise<Daemon> => {
  const log = openSync(logFile, "a");
  const child = spawn(program, args, { stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  await once(child, "spawn");
  if (child.pid === undefined) throw new Fault("INTERNAL", `${program} was started without a process id.`);
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const endWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithUs);
  child.once("exit", () => process.off("exit", endWithUs));
  return {
    pid: child.pid,
    isRunning,
    async end(signal) {
      if (!isRunning()) return;
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
    },
    letGo() {
      process.off("exit", endWithUs);
      child.unref();
    },
  };
};

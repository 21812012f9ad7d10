import { DefaultLogger, Runtime } from "@temporalio/worker";
import { pino } from "pino";

export type Log = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** One line of JSON an event, on standard output: what journald and log collectors want. Temporal's own runtime speaks through it, from warnings on. */
export function installLog(name: string): Log {
  const logger = pino({ name });
  Runtime.install({
    logger: new DefaultLogger("WARN", ({ level, message, meta }) => {
      const said = { temporal: level, ...meta };
      if (level === "ERROR") logger.error(said, message);
      else logger.warn(said, message);
    }),
    // Signals are `untilTold`'s.
    shutdownSignals: [],
  });
  return (message, fields = {}) => logger.info(fields, message);
}

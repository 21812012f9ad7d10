import { DefaultLogger, makeTelemetryFilterString, Runtime } from "@temporalio/worker";

let installed = false;

/** Temporal's core says errors only. It is set up once in a process; the files that share it may all ask for it. */
export function quietTemporal(): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger("ERROR"),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: "ERROR", other: "ERROR" }) } },
  });
}

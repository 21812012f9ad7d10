import type { CarriedFile } from "#domain/cut.ts";
import type { HostConnection } from "../host.ts";

/** Where a source works. */
export interface SourcePlace {
  readonly host: HostConnection;
  /** The folder on the host for scratch space. */
  readonly store: string;
  /** By path: the firmware variables as they were last read, so that they are read again only when they have changed. */
  readonly lastVariables?: Map<string, CarriedFile>;
}

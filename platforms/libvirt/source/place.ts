import type { HostConnection } from "../host.ts";

/** Where a source works. */
export interface SourcePlace {
  readonly host: HostConnection;
  /** The folder on the host for scratch space. */
  readonly store: string;
}

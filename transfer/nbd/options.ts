import type { Duplex } from "node:stream";
import type { SecureContextOptions } from "node:tls";

/** How an NBD server is reached. */
export type NbdTransport =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      readonly tls?: SecureContextOptions & { readonly servername: string };
    }
  /** Any byte stream, for instance a unix socket on a host reached through SSH. Called once per connection. */
  | { readonly kind: "stream"; readonly open: (signal: AbortSignal) => Promise<Duplex> };

export interface NbdOptions {
  readonly transport: NbdTransport;
  readonly exportName: string;
  /** `qemu:dirty-bitmap:<name>`: `extents` then yields only what that bitmap marks, typed by `base:allocation`. */
  readonly dirtyBitmap?: string;
  /** How many connections to use where the server allows several (default 1). */
  readonly connections?: number;
  /** With requests under way and nothing received for so long, the server counts as dead (default 60 s; also bounds the opening). */
  readonly timeoutMs?: number;
  /** Ends the opening. Once open, each call has a signal of its own. */
  readonly signal: AbortSignal;
}

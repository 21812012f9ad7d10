import { connect as connectSocket, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { Intake } from "./intake.ts";

/** A byte stream in both directions: pieces in through `intake`, buffers out through `write`. */
export interface Wire {
  readonly intake: Intake;
  readonly stream: Duplex;
  /** The parts go out as one write. They must stay unchanged until the other side has answered. */
  write(parts: readonly Uint8Array[]): void;
  /** Called once, when the stream ended or broke (at once, when it already has). */
  onLost(callback: (cause: Error) => void): void;
  destroy(): void;
}

export type SocketAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** Connects a socket. `onread` hands received bytes to `intake` without Node's own buffers; without it the caller adds the way in (TLS). */
export function dialSocket(
  address: SocketAddress,
  options: { readonly intake?: Intake; readonly signal: AbortSignal },
): Promise<Socket> {
  const { intake, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const socket = connectSocket({
      ...address,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
      ...(intake === undefined ? {} : { onread: onread(intake) }),
    });
    const settle = (act: () => void) => (): void => {
      signal.removeEventListener("abort", abort);
      socket.off("connect", connected);
      socket.off("error", failed);
      act();
    };
    const connected = settle(() => resolve(socket));
    const failed = (cause: Error): void => settle(() => reject(cause))();
    const abort = settle(() => {
      socket.on("error", () => undefined);
      socket.destroy();
      reject(signal.reason as Error);
    });
    socket.once("connect", connected);
    socket.once("error", failed);
    signal.addEventListener("abort", abort, { once: true });
  });
}

/**
 * Connects (`address`) or takes a connected socket over (`socket`) and speaks TLS as a client. Only a socket that TLS itself connected reads
 * straight to `intake`: Node ignores `onread` on one that was there before.
 */
export function dialTls(options: {
  readonly via: { readonly host: string; readonly port: number; readonly intake: Intake } | { readonly socket: Socket };
  readonly tls: ConnectionOptions;
  /** TCP is connected, so many milliseconds after its first packet went out: what fails from here on is TLS. */
  readonly onConnected?: (handshakeMs: number) => void;
  readonly signal: AbortSignal;
}): Promise<TLSSocket> {
  const { via, tls, onConnected, signal } = options;
  return new Promise((resolve, reject) => {
    const fast =
      "intake" in via
        ? { host: via.host, port: via.port, onread: onread(via.intake), noDelay: true, keepAlive: true }
        : via;
    const secure = connectTls({ ...tls, ...fast } as ConnectionOptions);
    // Not from the call on: making the TLS context takes longer than the way to a neighbour and back.
    let attemptedAt = performance.now();
    secure.once("connectionAttempt", () => (attemptedAt = performance.now()));
    if (onConnected !== undefined) secure.once("connect", () => onConnected(performance.now() - attemptedAt));
    const settle = (act: () => void) => (): void => {
      signal.removeEventListener("abort", abort);
      secure.off("secureConnect", connected);
      secure.off("error", failed);
      secure.off("close", closed);
      act();
    };
    const refuse = (cause: Error): void =>
      settle(() => {
        secure.on("error", () => undefined);
        secure.destroy();
        reject(cause);
      })();
    const connected = settle(() => resolve(secure));
    const failed = (cause: Error): void => refuse(cause);
    const closed = (): void => refuse(new Error("The connection was closed during the TLS hand-shake."));
    const abort = (): void => refuse(signal.reason as Error);
    secure.once("secureConnect", connected);
    secure.once("error", failed);
    secure.once("close", closed);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  });
}

/** Node's option that makes a socket read into buffers of ours. */
export const onread = (intake: Intake) => ({
  buffer: (): Uint8Array => intake.lend(),
  callback: (length: number, buffer: Uint8Array): boolean => intake.arrived(length, buffer),
});

/** A wire over a socket that was made with `onread(intake)`. */
export function socketWire(socket: Socket, intake: Intake): Wire {
  intake.onResume(() => socket.resume());
  return wireOf(socket, intake);
}

/** A wire over any byte stream, for instance an SSH channel. */
export function streamWire(stream: Duplex): Wire {
  const intake = new Intake();
  stream.on("data", (chunk: Uint8Array) => {
    if (!intake.feed(chunk)) stream.pause();
  });
  intake.onResume(() => stream.resume());
  return wireOf(stream, intake);
}

function wireOf(stream: Duplex, intake: Intake): Wire {
  let lost: Error | undefined;
  let tell: ((cause: Error) => void) | undefined;
  const lose = (cause: Error): void => {
    if (lost !== undefined) return;
    lost = cause;
    tell?.(cause);
  };
  stream.on("error", (cause: Error) => lose(cause));
  stream.on("end", () => lose(new Error("The other side closed the connection.")));
  stream.on("close", () => lose(new Error("The connection was closed.")));
  if (stream.destroyed) lose(new Error("The connection was closed."));
  return {
    intake,
    stream,
    write(parts) {
      if (parts.length === 1 && parts[0] !== undefined) {
        stream.write(parts[0]);
        return;
      }
      stream.cork();
      for (const part of parts) stream.write(part);
      stream.uncork();
    },
    onLost(callback) {
      tell = callback;
      if (lost !== undefined) callback(lost);
    },
    destroy() {
      stream.destroy();
    },
  };
}

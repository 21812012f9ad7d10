import type { Duplex } from "node:stream";
import { Fault } from "#domain/fault.ts";

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A QMP monitor: commands may be under way in any number and are carried out in order. https://www.qemu.org/docs/master/interop/qmp-spec.html */
export interface Qmp extends AsyncDisposable {
  /** Rejects with `COMMAND_FAILED` (details: class and desc), `COMMAND_TIMED_OUT`, `CONNECTION_LOST`. */
  execute(
    command: string,
    args?: Readonly<Record<string, unknown>>,
    options?: { readonly timeoutMs?: number },
  ): Promise<unknown>;
  /** The first event of that kind that satisfies `accept`, from this call on: call it before the command that causes the event. */
  event(
    name: string,
    accept: (event: QmpEvent) => boolean,
    options?: { readonly timeoutMs?: number },
  ): Promise<QmpEvent>;
  readonly closed: boolean;
}

export interface QmpOptions {
  /** Whose monitor it is, for sentences: "the storage daemon of disk vda of replica app1 on host lyon1". */
  readonly where: string;
  readonly timeoutMs?: number;
}

interface Waiter {
  readonly settle: (outcome: { readonly value: unknown } | { readonly error: Fault }) => void;
}

/** Greets the monitor behind the stream and enters command mode. */
export const connectQmp = async (stream: Duplex, options: QmpOptions): Promise<Qmp> => {
  const { where, timeoutMs: usual = 30_000 } = options;
  const pending = new Map<number, Waiter & { readonly command: string }>();
  const listeners = new Set<Waiter & { readonly name: string; readonly accept: (event: QmpEvent) => boolean }>();
  const greeting = Promise.withResolvers<void>();
  let lost: Fault | undefined;
  let next = 0;
  let text = "";

  const fail = (cause: unknown): void => {
    lost ??= new Fault(
      "CONNECTION_LOST",
      `The monitor of ${where} is gone: it was ended or has died, and is started again by the next call.`,
      { cause },
    );
    for (const waiter of [...pending.values(), ...listeners]) waiter.settle({ error: lost });
    pending.clear();
    listeners.clear();
    greeting.reject(lost);
  };
  const receive = (line: string): void => {
    const message = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (message["QMP"] !== undefined) return greeting.resolve();
    if (typeof message["event"] === "string") {
      const event: QmpEvent = { event: message["event"], data: (message["data"] ?? {}) as QmpEvent["data"] };
      for (const listener of listeners)
        if (listener.name === event.event && listener.accept(event)) listener.settle({ value: event });
      return undefined;
    }
    const waiter = pending.get(Number(message["id"]));
    if (waiter === undefined) return undefined;
    const error = message["error"] as { readonly class: string; readonly desc: string } | undefined;
    waiter.settle(
      error === undefined
        ? { value: message["return"] }
        : {
            error: new Fault("COMMAND_FAILED", `QEMU refused ${waiter.command} at ${where}: ${error.desc}.`, {
              details: { command: waiter.command, ...error },
            }),
          },
    );
    return undefined;
  };
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end).trim();
      text = text.slice(end + 1);
      if (line === "") continue;
      try {
        receive(line);
      } catch (cause) {
        stream.destroy();
        fail(cause);
      }
    }
  });
  stream.on("error", fail);
  stream.on("close", () => {
    fail(undefined);
  });

  const wait = <Value>(
    what: string,
    timeoutMs: number,
    enlist: (settle: Waiter["settle"]) => () => void,
  ): Promise<Value> =>
    new Promise((resolve, reject) => {
      if (lost !== undefined) {
        reject(lost);
        return;
      }
      const timer = setTimeout(() => {
        settle({
          error: new Fault("COMMAND_TIMED_OUT", `${where} did not answer within ${timeoutMs / 1000} s: ${what}.`),
        });
      }, timeoutMs);
      let settled = false;
      let withdraw: () => void = () => undefined;
      const settle: Waiter["settle"] = (outcome) => {
        settled = true;
        clearTimeout(timer);
        withdraw();
        if ("error" in outcome) reject(outcome.error);
        else resolve(outcome.value as Value);
      };
      // A stream may answer within the write, before there is anything to withdraw.
      withdraw = enlist(settle);
      if (settled) withdraw();
    });
  const execute: Qmp["execute"] = (command, args, bounds = {}) =>
    wait(command, bounds.timeoutMs ?? usual, (settle) => {
      const id = ++next;
      pending.set(id, { command, settle });
      stream.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }), id })}\n`);
      return () => pending.delete(id);
    });

  const timer = setTimeout(() => {
    fail(new Error("no greeting"));
  }, usual);
  try {
    await greeting.promise;
    await execute("qmp_capabilities");
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    execute,
    event: (name, accept, bounds = {}) =>
      wait(`the event ${name}`, bounds.timeoutMs ?? usual, (settle) => {
        const listener = { name, accept, settle };
        listeners.add(listener);
        return () => listeners.delete(listener);
      }),
    get closed() {
      return lost !== undefined;
    },
    async [Symbol.asyncDispose]() {
      stream.destroy();
      await Promise.resolve();
    },
  };
};

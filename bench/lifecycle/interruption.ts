import { Fault } from "#domain/fault.ts";

/** A signal that is aborted by Ctrl-C and its like, so that what was made is taken away before the process ends. */
export const interruption = (): { readonly signal: AbortSignal } & Disposable => {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stop = (name: string): void =>
    controller.abort(new Fault("CANCELLED", `Stopped by ${name}; everything was cleaned up.`));
  for (const name of names) process.on(name, stop);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, stop);
    },
  };
};

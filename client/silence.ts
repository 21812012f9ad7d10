import type { ClientContext } from "#client/context.ts";
import { instant } from "#domain/ids.ts";

/** A server that is there answers in milliseconds. */
const silentForMs = 2_000;

/** Tells when Temporal does not answer and when it does again, each once for every time that it is away. `meanwhile` completes the first. */
export interface Silence {
  /** What `call` answers; tells after two seconds that it does not. */
  during<Result>(call: () => Promise<Result>): Promise<Result>;
  /** It has failed. `why` is told instead where that is not for want of an answer. */
  broken(why?: string): void;
  /** It has answered. */
  over(): void;
  /** For how long it has not, in milliseconds. */
  readonly lastsMs: number;
}

export function silence({ tell, sleep, now }: ClientContext, meanwhile: string): Silence {
  let since: number | undefined;
  let told = false;
  const say = (why = `Temporal has not answered since ${instant(since ?? now())}.`): void => {
    if (!told) tell(`${why} ${meanwhile}`);
    told = true;
  };
  return {
    async during(call) {
      const answered = new AbortController();
      since ??= now();
      sleep(silentForMs, answered.signal).then(
        () => say(),
        () => undefined,
      );
      try {
        return await call();
      } finally {
        answered.abort();
      }
    },
    broken: say,
    over() {
      if (told) tell(`Temporal answers again since ${instant(now())}.`);
      [since, told] = [undefined, false];
    },
    get lastsMs() {
      return since === undefined ? 0 : now() - since;
    },
  };
}

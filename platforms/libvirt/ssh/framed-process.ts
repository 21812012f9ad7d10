import type ssh2 from "ssh2";

export interface Frame {
  readonly stdout: string;
  readonly stderr: string;
}

/** Everything between two markers: a program that answers with more than this has gone wild. */
const outputLimit = 64 * 1024 * 1024;

/**
 * One kept program on the host that reads requests from its standard input. Whoever writes a request makes the program print an end marker on both
 * of its output streams after it; what came before the markers is the answer. One request at a time.
 */
export class FramedProcess {
  readonly #channel: ssh2.ClientChannel;
  #stdout = "";
  #stderr = "";
  #waiting: { readonly settle: () => void; readonly reject: (error: unknown) => void } | undefined;
  #closed = false;
  #answered = false;
  #exitCode: number | undefined;

  constructor(channel: ssh2.ClientChannel) {
    this.#channel = channel;
    channel.setEncoding("utf8");
    channel.stderr.setEncoding("utf8");
    channel.on("data", (text: string) => {
      this.#stdout += text;
      this.#waiting?.settle();
    });
    channel.stderr.on("data", (text: string) => {
      this.#stderr += text;
      this.#waiting?.settle();
    });
    channel.on("error", () => {
      this.#end();
    });
    channel.on("close", (code: number | null | undefined) => {
      this.#exitCode = code ?? undefined;
      this.#end();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Writes `request` and waits until `end` stands on both streams. Rejects with `ProcessEnded` when the program or the connection goes, and with the
   * signal's reason at once; the program is ended then, because nobody knows what it is at.
   */
  async exchange(request: string, end: string, signal: AbortSignal): Promise<Frame> {
    signal.throwIfAborted();
    if (this.#closed) throw this.#ended();
    const { promise, resolve, reject } = Promise.withResolvers<Frame>();
    // What came before the first request may say why there will be no answer.
    if (this.#answered) {
      this.#stdout = "";
      this.#stderr = "";
    }
    let searched = 0;
    const settle = (): void => {
      const stdoutEnd = this.#stdout.indexOf(end, searched);
      if (stdoutEnd < 0) searched = Math.max(0, this.#stdout.length - end.length);
      const stderrEnd = this.#stderr.indexOf(end);
      if (stdoutEnd >= 0 && stderrEnd >= 0)
        resolve({ stdout: this.#stdout.slice(0, stdoutEnd), stderr: this.#stderr.slice(0, stderrEnd) });
      else if (this.#stdout.length + this.#stderr.length > outputLimit) this.close();
    };
    const onAbort = (): void => {
      reject(signal.reason);
      this.close();
    };
    this.#waiting = { settle, reject };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#channel.write(request);
    try {
      const frame = await promise;
      this.#answered = true;
      return frame;
    } finally {
      this.#waiting = undefined;
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends it at once with its whole process group, also in the middle of a request. What must go on whatever happens detaches itself. */
  close(): void {
    if (this.#closed) return;
    this.#end();
    this.#channel.signal("TERM");
    this.#channel.close();
  }

  #end(): void {
    this.#closed = true;
    this.#waiting?.reject(this.#ended());
  }

  /** A shell that takes nobody in says so where it would print its output. */
  #ended(): ProcessEnded {
    const refused = !this.#answered && this.#exitCode !== undefined;
    const said = refused ? `${this.#stdout}\n${this.#stderr}` : this.#stderr;
    return new ProcessEnded({ said, ...(refused && { refusedWith: this.#exitCode }) });
  }
}

/** The kept program is gone. `said` is what it printed last; `refusedWith` its exit code, when it never answered anything. */
export class ProcessEnded extends Error {
  readonly said: string;
  readonly refusedWith: number | undefined;
  constructor(end: { readonly said: string; readonly refusedWith?: number | undefined }) {
    super("the kept process ended");
    this.said = end.said;
    this.refusedWith = end.refusedWith;
  }
}

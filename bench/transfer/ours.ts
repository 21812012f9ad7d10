import { execa } from "execa";
import { listening } from "./ready.ts";
import { imageBytes } from "./image.ts";

const script = (name: string): string => `${import.meta.dirname}/${name}`;

/** What one of our copies took. */
export interface OurCopy {
  readonly seconds: number;
  readonly sourceCpuSeconds: number;
  readonly targetCpuSeconds: number;
  readonly wireBytes: number;
}

/** One copy between two worker processes, from the connection's first byte to the acknowledged flush. */
export async function ourCopy(request: {
  readonly certificates: string;
  readonly source: string;
  readonly output: string;
  readonly verb: "copy" | "resynchronize";
  /** Measures the workers' second copy, as that of workers which run for days. */
  readonly warm?: boolean;
  /** Where the two run: commands put before their own, and the target's address. */
  readonly at?: { readonly source: readonly string[]; readonly target: readonly string[]; readonly address: string };
}): Promise<OurCopy> {
  const { certificates, source, output, verb, warm = false } = request;
  const at = request.at ?? { source: [], target: [], address: "127.0.0.1" };
  const content = verb === "copy" ? "fresh" : "kept";
  const [first, ...rest] = [
    ...at.target,
    process.execPath,
    script("target-worker.ts"),
    certificates,
    output,
    `${imageBytes}`,
    content,
    at.address,
  ];
  const target = execa(first, rest, { reject: false });
  try {
    const port = await listening(target);
    const [program, ...args] = [
      ...at.source,
      process.execPath,
      script("source-worker.ts"),
      certificates,
      source,
      at.address,
      port,
      verb,
      warm ? "warm" : "cold",
    ];
    const { stdout } = await execa(program, args);
    const copy = JSON.parse(stdout) as {
      readonly seconds: number;
      readonly cpuSeconds: number;
      readonly wireBytes: number;
    };
    target.kill("SIGINT");
    const { stdout: said } = await target;
    const targetCpuSeconds = Number(said.split("\n").at(-1));
    return { seconds: copy.seconds, sourceCpuSeconds: copy.cpuSeconds, targetCpuSeconds, wireBytes: copy.wireBytes };
  } finally {
    target.kill("SIGKILL");
  }
}

/** Reads an export as the product does; the seconds from the connection's first byte. */
export async function ourRead(socket: string, output?: string): Promise<number> {
  const { stdout } = await execa(process.execPath, [
    script("read-worker.ts"),
    socket,
    ...(output === undefined ? [] : [output]),
  ]);
  return (JSON.parse(stdout) as { readonly seconds: number }).seconds;
}

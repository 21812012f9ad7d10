import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { Fault } from "#domain/fault.ts";
import type { Bench, BenchOptions } from "../main.ts";
import { median, rounded, type Measure } from "../measure.ts";
import { openLink } from "../link/open-link.ts";
import { halfFullImage } from "./image.ts";
import { ourCopy, ourRead, type OurCopy } from "./ours.ts";
import { nbdkitCertificates, peerVersions, requirePeers, serve, timed } from "./peers.ts";
import { answers } from "./ready.ts";
import { benchCertificates } from "./site.ts";
import { spoil } from "./spoil.ts";

const parts = ["read", "site", "resync", "slow"] as const;
const nbdPort = 10_909;
const qemuNbdPort = 10_910;

/** What all parts work with. All files lie in memory. */
interface Ground {
  readonly folder: string;
  readonly image: string;
  readonly output: string;
  readonly certificates: string;
  readonly nbdkitCertificates: string;
  readonly rounds: number;
  readonly say: (sentence: string) => void;
}

/** Reading exports, and copies between two sites' workers, beside the tools one would use otherwise: in turns, in the same run. */
export const transferBench: Bench = {
  summary:
    "Block transfer beside nbdcopy, qemu-img and zstd. Our times are a running worker's; the peers' are whole programs.",
  async run(options) {
    requirePeers();
    const only = chosenParts(options);
    await using ground = await prepare(options);
    const measures: Measure[] = [];
    if (only.has("read")) measures.push(...(await readPart(ground)));
    if (only.has("site")) measures.push(...(await sitePart(ground)));
    if (only.has("resync")) measures.push(...(await resyncPart(ground)));
    if (only.has("slow")) measures.push(...(await slowPart(ground)));
    for (const [program, version] of Object.entries(await peerVersions()))
      measures.push({ name: `${program} version`, value: version, unit: "" });
    return measures;
  },
};

function chosenParts({ only }: BenchOptions): ReadonlySet<string> {
  const unknown = only?.find((part) => !parts.some((known) => known === part));
  if (unknown !== undefined)
    throw new Fault("INVALID_INPUT", `There is no part "${unknown}"; there are ${parts.join(", ")}.`);
  return new Set(only ?? parts);
}

async function prepare({ rounds = 5, say }: BenchOptions): Promise<Ground & AsyncDisposable> {
  const kept = await halfFullImage(say);
  const folder = mkdtempSync("/dev/shm/understudy-bench-");
  const [image, output, certificates] = [
    join(folder, "image"),
    join(folder, "output"),
    join(folder, "certificates.json"),
  ];
  await execa("cp", ["--sparse=always", kept, image]);
  writeFileSync(certificates, JSON.stringify(await benchCertificates()), { mode: 0o600 });
  const tls = await nbdkitCertificates(join(folder, "tls"));
  return {
    folder,
    image,
    output,
    certificates,
    nbdkitCertificates: tls,
    rounds,
    say,
    [Symbol.asyncDispose]: async () => {
      rmSync(folder, { recursive: true, force: true });
      await Promise.resolve();
    },
  };
}

async function readPart(ground: Ground): Promise<readonly Measure[]> {
  const measures: Measure[] = [];
  const goals = { nbdkit: 1, "qemu-nbd": 2 } as const;
  for (const server of ["nbdkit", "qemu-nbd"] as const) {
    const socket = join(ground.folder, `${server}.sock`);
    const command = {
      nbdkit: ["nbdkit", "-f", "-r", "-U", socket, "file", ground.image],
      "qemu-nbd": ["qemu-nbd", "-r", "-t", "-e", "8", "-f", "raw", "-k", socket, ground.image],
    }[server];
    await using _serving = await serve(command, () => answers({ path: socket }));
    await ourRead(socket, ground.output);
    await sameImages(ground);
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 1; round <= ground.rounds; round += 1) {
      ground.say(`Reading from ${server}, round ${round} of ${ground.rounds} …`);
      ours.push(await ourRead(socket));
      theirs.push(await timed(["nbdcopy", `nbd+unix:///?socket=${socket}`, "null:"]));
    }
    measures.push(seconds(`read from ${server}: ours`, ours), seconds(`read from ${server}: nbdcopy`, theirs), {
      name: `read from ${server}: speed against nbdcopy`,
      value: ratio(theirs, ours),
      unit: "x",
      goal: `>= ${goals[server]}`,
    });
  }
  return measures;
}

async function sitePart(ground: Ground): Promise<readonly Measure[]> {
  const tls = ["--tls=require", `--tls-certificates=${ground.nbdkitCertificates}`];
  const nbdkit = ["nbdkit", "-f", "-r", "-i", "127.0.0.1", "-p", `${nbdPort}`, ...tls, "file", ground.image];
  const uri = `nbds://localhost:${nbdPort}/?tls-certificates=${ground.nbdkitCertificates}`;
  const ours: OurCopy[] = [];
  const peers: Record<"nbdcopy" | "qemuImg" | "qemuImgFromNbdkit", number[]> = {
    nbdcopy: [],
    qemuImg: [],
    qemuImgFromNbdkit: [],
  };
  for (let round = 1; round <= ground.rounds; round += 1) {
    ground.say(`Initial copy between sites, round ${round} of ${ground.rounds} …`);
    ours.push(await compared(ground, () => ourCopy({ ...ground, source: ground.image, verb: "copy", warm: true })));
    await using _nbdkit = await serve(nbdkit, () => answers({ host: "127.0.0.1", port: nbdPort }));
    peers.nbdcopy.push(await compared(ground, () => timed(["nbdcopy", uri, ground.output])));
    peers.qemuImgFromNbdkit.push(await compared(ground, () => timed(qemuImgOverTls(ground, nbdPort))));
    await using _qemuNbd = await serve(qemuNbdOverTls(ground), () => answers({ host: "127.0.0.1", port: qemuNbdPort }));
    peers.qemuImg.push(await compared(ground, () => timed(qemuImgOverTls(ground, qemuNbdPort))));
  }
  const wall = ours.map((copy) => copy.seconds);
  return [
    seconds("initial copy, mutual TLS and digests: ours", wall),
    seconds("initial copy, TLS: nbdcopy from nbdkit", peers.nbdcopy),
    seconds("initial copy, TLS: qemu-img convert from qemu-nbd", peers.qemuImg),
    seconds("initial copy, TLS: qemu-img convert from nbdkit", peers.qemuImgFromNbdkit),
    { name: "initial copy: time against nbdcopy over TLS", value: ratio(wall, peers.nbdcopy), unit: "x", goal: "<= 1" },
    {
      name: "initial copy: time against qemu-img convert over TLS",
      value: ratio(wall, peers.qemuImg),
      unit: "x",
      goal: "<= 0.6",
    },
    {
      name: "initial copy: CPU at the source",
      value: rounded(median(ours.map((copy) => copy.sourceCpuSeconds))),
      unit: "s",
    },
    {
      name: "initial copy: CPU at the target",
      value: rounded(median(ours.map((copy) => copy.targetCpuSeconds))),
      unit: "s",
    },
    {
      name: "initial copy: bytes on the wire",
      value: rounded(median(ours.map((copy) => copy.wireBytes)) / 1e6),
      unit: "MB",
    },
  ];
}

/** qemu-img as one calls it: more requests at once (-m, -W) made it slower against qemu-nbd. */
function qemuImgOverTls({ nbdkitCertificates: folder, output }: Ground, port: number): readonly string[] {
  const credentials = `tls-creds-x509,id=tls,dir=${folder},endpoint=client`;
  const export_ = `driver=nbd,host=localhost,port=${port},tls-creds=tls`;
  return ["qemu-img", "convert", "--object", credentials, "--image-opts", export_, "-O", "raw", output];
}

/** QEMU's own server, with the same certificates as nbdkit. */
function qemuNbdOverTls({ nbdkitCertificates: folder, image }: Ground): readonly string[] {
  const credentials = `tls-creds-x509,id=tls,dir=${folder},endpoint=server,verify-peer=off`;
  const tls = ["--object", credentials, "--tls-creds", "tls"];
  return ["qemu-nbd", "-r", "-t", "-e", "8", "-f", "raw", "-b", "127.0.0.1", "-p", `${qemuNbdPort}`, ...tls, image];
}

/** One percent of the blocks differ: the target's copy is the source's with blocks overwritten here and there. */
async function resyncPart(ground: Ground): Promise<readonly Measure[]> {
  const runs: OurCopy[] = [];
  for (let round = 1; round <= ground.rounds; round += 1) {
    ground.say(`Resynchronization of 1 % of the blocks, round ${round} of ${ground.rounds} …`);
    await execa("cp", ["--sparse=always", ground.image, ground.output]);
    await spoil(ground.output, 0.01);
    runs.push(await ourCopy({ ...ground, source: ground.image, verb: "resynchronize", warm: true }));
    await sameImages(ground);
  }
  return [
    seconds(
      "resynchronization of 1 %: ours",
      runs.map((run) => run.seconds),
    ),
    {
      name: "resynchronization of 1 %: bytes on the wire",
      value: rounded(median(runs.map((run) => run.wireBytes)) / 1e6),
      unit: "MB",
    },
  ];
}

/** 100 Mbit/s, 40 ms each way. One round: the link, not this machine, sets the pace. */
async function slowPart(ground: Ground): Promise<readonly Measure[]> {
  await using link = await openLink({ mbitPerSecond: 100, oneWayMs: 40 });
  ground.say("Initial copy over 100 Mbit/s and 40 ms (half a minute) …");
  const at = { source: link.near, target: link.far, address: link.farAddress };
  const ours = await compared(ground, () => ourCopy({ ...ground, source: ground.image, verb: "copy", at }));
  ground.say("The same by nbdcopy (a minute and a half) …");
  const nbdkit = [...link.near, "nbdkit", "-f", "-r", "-p", `${nbdPort}`, "file", ground.image];
  const nbdcopy = [...link.far, "nbdcopy", `nbd://${link.nearAddress}:${nbdPort}`, ground.output];
  await using _serving = await serve(nbdkit, async () => await Promise.resolve(true));
  const theirs = await compared(ground, () => timed(nbdcopy));
  ground.say("The size of a zstd -3 stream of the image …");
  const { stdout: size } = await execa("sh", ["-c", 'zstd -3 -q -c "$1" | wc -c', "sh", ground.image]);
  return [
    seconds("slow link: ours", [ours.seconds]),
    seconds("slow link: nbdcopy", [theirs]),
    { name: "slow link: time against nbdcopy", value: rounded(ours.seconds / theirs), unit: "x", goal: "<= 0.34" },
    { name: "slow link: bytes on the wire, ours", value: rounded(ours.wireBytes / 1e6), unit: "MB" },
    { name: "slow link: bytes of a zstd -3 stream", value: rounded(Number(size) / 1e6), unit: "MB" },
    {
      name: "slow link: bytes against a zstd -3 stream",
      value: rounded(ours.wireBytes / Number(size)),
      unit: "x",
      goal: "<= 1.03",
    },
  ];
}

/** A copy into a new output file, which must be the image in the end. */
async function compared<Result>(ground: Ground, copy: () => Promise<Result>): Promise<Result> {
  rmSync(ground.output, { force: true });
  const result = await copy();
  await sameImages(ground);
  return result;
}

async function sameImages({ image, output }: Ground): Promise<void> {
  const { exitCode, stdout } = await execa("cmp", [image, output], { reject: false });
  if (exitCode !== 0) throw new Fault("DIGEST_MISMATCH", `A copy differs from its source: ${stdout}`);
}

const seconds = (name: string, values: readonly number[]): Measure => ({
  name,
  value: rounded(median(values)),
  unit: "s",
});
const ratio = (values: readonly number[], to: readonly number[]): number => rounded(median(values) / median(to));

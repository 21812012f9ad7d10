import { readFileSync } from "node:fs";
import { serveReplicas } from "#transfer/stream/serve.ts";
import { fileReplicaOpener } from "./file-replica.ts";
import type { BenchCertificates } from "./site.ts";

/** The target site's worker of a benchmark: a process of its own. `target-worker.ts CERTIFICATES IMAGE SIZE fresh|kept ADDRESS`; prints its port, and on SIGINT the last copy's CPU time. */
const [certificates = "", path = "", size = "", content = "", address = ""] = process.argv.slice(2);
const { target } = JSON.parse(readFileSync(certificates, "utf8")) as BenchCertificates;
let before = process.cpuUsage();
const onBegin = (): void => void (before = process.cpuUsage());
const opener = fileReplicaOpener({ path, sizeBytes: Number(size), fresh: content === "fresh", onBegin });
const server = await serveReplicas({ address, port: 0, tls: target, opener });
process.stdout.write(`${server.port}\n`);
process.on("SIGINT", () => {
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${(user + system) / 1e6}\n`, () => process.exit(0));
});

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { collect } from "#test/support/collect.ts";
import { openNbdDisk, openNbdSink, openNbdSource } from "#transfer/nbd/open.ts";
import { freePort, listens, nbdkit, startServer } from "#test/support/nbd-servers.ts";
import { run } from "#test/support/run.ts";
import { stopProcess } from "#test/support/stop-process.ts";
import { newAuthority, siteTls } from "#test/support/stream-sites.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";

const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const unix = (path: string) => ({ kind: "unix", path }) as const;

for (const sizeBytes of [1, 511, 4_097, 65_535, 3 * 1024 * 1024 + 17]) {
  test(`an export of ${sizeBytes} bytes is written, zeroed and read back to its last byte`, async () => {
    using dir = temporaryDir();
    const socket = join(dir.path, "s");
    await using _server = await nbdkit(socket, "memory", `size=${sizeBytes}`);
    await using disk = await openNbdDisk({ transport: unix(socket), exportName: "", signal: signal() });
    expect(disk.sizeBytes).toBe(sizeBytes);
    const content = randomBytes(sizeBytes);
    await disk.write(0, content, signal());
    const hole = { offset: Math.floor(sizeBytes / 3), length: Math.floor(sizeBytes / 2) };
    await disk.zero(hole.offset, hole.length, signal());
    content.fill(0, hole.offset, hole.offset + hole.length);
    await disk.flush(signal());
    const back = new Uint8Array(sizeBytes);
    await disk.read(0, back, signal());
    expect(content.equals(back)).toBe(true);
  });
}

test("several connections share the work where the server allows it", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  const log = join(dir.path, "log");
  await using _server = await nbdkit(socket, "--filter=log", "memory", "size=8M", `logfile=${log}`);
  await using disk = await openNbdDisk({ transport: unix(socket), exportName: "", connections: 3, signal: signal() });
  await disk.write(0, randomBytes(8 * 1024 * 1024), signal());
  const connections = new Set(run("grep", "-o", "connection=[0-9]* Write", log).split("\n").filter(Boolean));
  expect(connections.size).toBe(3);
});

test("holes are told as zero and in order, also from the middle on", async () => {
  using dir = temporaryDir();
  const [socket, image] = [join(dir.path, "s"), join(dir.path, "image")];
  run("truncate", "-s", "64M", image);
  run("dd", "if=/dev/urandom", `of=${image}`, "bs=1M", "count=1", "seek=10", "conv=notrunc", "status=none");
  await using _server = await nbdkit(socket, "file", image);
  await using source = await openNbdSource({ transport: unix(socket), exportName: "", signal: signal() });
  const M = 1024 * 1024;
  expect(await collect(source.extents({ signal: signal() }))).toEqual([
    { offset: 0, length: 10 * M, kind: "zero" },
    { offset: 10 * M, length: M, kind: "data" },
    { offset: 11 * M, length: 53 * M, kind: "zero" },
  ]);
  expect(await collect(source.extents({ from: 10 * M + 4096, signal: signal() }))).toEqual([
    { offset: 10 * M + 4096, length: M - 4096, kind: "data" },
    { offset: 11 * M, length: 53 * M, kind: "zero" },
  ]);
});

test("a server without block status is read as data from end to end", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  await using _server = await nbdkit(socket, "--no-sr", "memory", "size=3M");
  await using source = await openNbdSource({ transport: unix(socket), exportName: "", signal: signal() });
  expect(await collect(source.extents({ signal: signal() }))).toEqual([
    { offset: 0, length: 3 * 1024 * 1024, kind: "data" },
  ]);
  const into = new Uint8Array(3 * 1024 * 1024).fill(1);
  await source.read(0, into, signal());
  expect(into.every((byte) => byte === 0)).toBe(true);
});

test("only what a dirty bitmap marks is yielded, typed by what is allocated", async () => {
  using dir = temporaryDir();
  const [socket, image] = [join(dir.path, "s"), join(dir.path, "d.qcow2")];
  run("qemu-img", "create", "-q", "-f", "qcow2", image, "256M");
  run("qemu-io", "-c", "write -P 1 0 1M", "-c", "write -P 1 100M 1M", image);
  run("qemu-img", "bitmap", "--add", "-g", "65536", image, "since");
  run("qemu-io", "-c", "write -P 2 100M 64k", "-c", "write -P 3 200M 100k", "-c", "write -z -u 64k 64k", image);
  await using _server = await startServer("qemu-nbd", ["-r", "-t", "-B", "since", "-k", socket, image], socket);
  await using source = await openNbdSource({
    transport: unix(socket),
    exportName: "",
    dirtyBitmap: "since",
    signal: signal(),
  });
  const [K, M] = [1024, 1024 * 1024];
  const changed = await collect(source.extents({ signal: signal() }));
  expect(changed).toEqual([
    { offset: 64 * K, length: 64 * K, kind: "zero" },
    { offset: 100 * M, length: 64 * K, kind: "data" },
    { offset: 200 * M, length: 128 * K, kind: "data" },
  ]);
  const into = new Uint8Array(4);
  await source.read(200 * M + 100 * K - 2, into, signal());
  expect([...into]).toEqual([3, 3, 0, 0]);
});

test("a bitmap that the export does not have means lost tracking", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  await using _server = await nbdkit(socket, "memory", "size=1M");
  const opening = openNbdSource({ transport: unix(socket), exportName: "", dirtyBitmap: "since", signal: signal() });
  await expect(opening).rejects.toMatchObject({ code: "TRACKING_LOST" });
});

test("a full store is told apart from other errors", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  const injected = ["error-pwrite=ENOSPC", "error-pwrite-rate=100%"];
  await using _server = await nbdkit(socket, "--filter=error", "memory", "size=1M", ...injected);
  await using sink = await openNbdSink({ transport: unix(socket), exportName: "", signal: signal() });
  await expect(sink.write(0, randomBytes(65_536), signal())).rejects.toMatchObject({ code: "STORE_FULL" });
});

test("an injected read error fails that read alone and names its place", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  const trigger = join(dir.path, "break");
  await using _server = await nbdkit(
    socket,
    "--filter=error",
    "memory",
    "size=1M",
    "error=EIO",
    "error-pread-rate=100%",
    `error-file=${trigger}`,
  );
  await using disk = await openNbdDisk({ transport: unix(socket), exportName: "", signal: signal() });
  const into = new Uint8Array(65_536);
  await disk.read(0, into, signal());
  writeFileSync(trigger, "");
  await expect(disk.read(65_536, into, signal())).rejects.toMatchObject({
    code: "NBD_FAILED",
    message: expect.stringContaining("reading 65536 bytes at offset 65536") as string,
  });
  run("rm", trigger);
  await disk.read(65_536, into, signal());
});

test("a read-only export is refused as a sink", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  await using _server = await nbdkit(socket, "-r", "memory", "size=1M");
  const opening = openNbdSink({ transport: unix(socket), exportName: "", signal: signal() });
  await expect(opening).rejects.toMatchObject({
    code: "NBD_FAILED",
    message: expect.stringContaining("read-only") as string,
  });
});

test("an export that is not there is named", async () => {
  using dir = temporaryDir();
  const [socket, image] = [join(dir.path, "s"), join(dir.path, "image")];
  run("truncate", "-s", "1M", image);
  await using _server = await startServer("qemu-nbd", ["-t", "-f", "raw", "-x", "there", "-k", socket, image], socket);
  const opening = openNbdSource({ transport: unix(socket), exportName: "elsewhere", signal: signal() });
  await expect(opening).rejects.toMatchObject({
    code: "NBD_FAILED",
    message: expect.stringContaining('"elsewhere"') as string,
  });
});

test("the server's block sizes are kept to: reads widen, writes that cannot are refused", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  const sizes = [
    "blocksize-minimum=4096",
    "blocksize-preferred=65536",
    "blocksize-maximum=128k",
    "blocksize-error-policy=error",
  ];
  await using _server = await nbdkit(socket, "--filter=blocksize-policy", "memory", "size=1M", ...sizes);
  await using disk = await openNbdDisk({ transport: unix(socket), exportName: "", signal: signal() });
  const content = randomBytes(512 * 1024);
  await disk.write(0, content, signal());
  const into = new Uint8Array(10_000);
  await disk.read(5_001, into, signal());
  expect(content.subarray(5_001, 15_001).equals(into)).toBe(true);
  await expect(disk.write(100, randomBytes(4096), signal())).rejects.toMatchObject({ code: "INVALID_INPUT" });
});

test("a server that cannot zero gets zeroes written", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  await using _server = await nbdkit(socket, "--filter=nozero", "memory", "size=4M");
  await using disk = await openNbdDisk({ transport: unix(socket), exportName: "", signal: signal() });
  await disk.write(0, randomBytes(4 * 1024 * 1024), signal());
  await disk.zero(100_000, 3_000_000, signal());
  const into = new Uint8Array(3_000_000).fill(1);
  await disk.read(100_000, into, signal());
  expect(into.every((byte) => byte === 0)).toBe(true);
});

test("TLS is spoken after STARTTLS, and a server of another authority is refused", async () => {
  using dir = temporaryDir();
  const [port, tls] = [await freePort(), await siteTls("west")];
  const files = { "ca-cert.pem": tls.authority, "server-cert.pem": tls.certificate, "server-key.pem": tls.key };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir.path, name), text);
  const args = [
    "-f",
    "-i",
    "127.0.0.1",
    "-p",
    `${port}`,
    "--tls=require",
    `--tls-certificates=${dir.path}`,
    "memory",
    "size=4M",
  ];
  await using _server = await startServer("nbdkit", args, () => listens({ host: "127.0.0.1", port }));
  const at = { kind: "tcp", host: "127.0.0.1", port } as const;
  const [servername, other] = ["west.understudy.internal", await newAuthority()];
  {
    await using disk = await openNbdDisk({
      transport: { ...at, tls: { ca: tls.authority, servername } },
      exportName: "",
      signal: signal(),
    });
    const content = randomBytes(4 * 1024 * 1024);
    await disk.write(0, content, signal());
    const into = new Uint8Array(content.length);
    await disk.read(0, into, signal());
    expect(content.equals(into)).toBe(true);
  }
  for (const refused of [
    { ca: other.certificate, servername },
    { ca: tls.authority, servername: "east.understudy.internal" },
  ]) {
    const opening = openNbdDisk({ transport: { ...at, tls: refused }, exportName: "", signal: signal() });
    await expect(opening).rejects.toMatchObject({ code: "TLS_FAILED" });
  }
  const plain = openNbdDisk({ transport: at, exportName: "", signal: signal() });
  await expect(plain).rejects.toMatchObject({
    code: "TLS_FAILED",
    message: expect.stringContaining("demands TLS") as string,
  });
});

test("a server without TLS is never spoken to in the clear when TLS was asked for", async () => {
  const [port, tls] = [await freePort(), await siteTls("west")];
  const args = ["-f", "-i", "127.0.0.1", "-p", `${port}`, "memory", "size=4M"];
  await using _server = await startServer("nbdkit", args, () => listens({ host: "127.0.0.1", port }));
  const transport = {
    kind: "tcp",
    host: "127.0.0.1",
    port,
    tls: { ca: tls.authority, servername: "west.understudy.internal" },
  } as const;
  await expect(openNbdDisk({ transport, exportName: "", signal: signal() })).rejects.toMatchObject({
    code: "TLS_FAILED",
  });
});

test("a copy-before-write snapshot that was given up is a broken cut", async () => {
  using dir = temporaryDir();
  const [live, image] = [join(dir.path, "s"), join(dir.path, "image")];
  writeFileSync(image, randomBytes(4 * 1024 * 1024));
  const scratch =
    '{"driver":"blkdebug","node-name":"scratch","image":{"driver":"null-co","size":4194304,"read-zeroes":true},"inject-error":[{"event":"none","iotype":"write","errno":28}]}';
  const blocks = [
    `driver=file,node-name=disk,filename=${image}`,
    scratch,
    "driver=copy-before-write,node-name=cbw,file=disk,target=scratch,on-cbw-error=break-snapshot",
    "driver=snapshot-access,node-name=snapshot,file=cbw",
  ].flatMap((block) => ["--blockdev", block]);
  const exports = [
    "--nbd-server",
    `addr.type=unix,addr.path=${live}`,
    "--export",
    "type=nbd,id=live,node-name=cbw,name=live,writable=on",
    "--export",
    "type=nbd,id=snapshot,node-name=snapshot,name=snapshot",
  ];
  await using _server = await startServer("qemu-storage-daemon", [...blocks, ...exports], live);
  await using guest = await openNbdDisk({ transport: unix(live), exportName: "live", signal: signal() });
  await using cut = await openNbdSource({ transport: unix(live), exportName: "snapshot", signal: signal() });
  await cut.read(0, new Uint8Array(65_536), signal());
  await guest.write(0, randomBytes(65_536), signal());
  await expect(cut.read(0, new Uint8Array(65_536), signal())).rejects.toMatchObject({ code: "CUT_BROKEN" });
  await expect(collect(cut.extents({ signal: signal() }))).rejects.toMatchObject({ code: "CUT_BROKEN" });
});

test("any byte stream carries it as well, for instance an SSH channel", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  await using _server = await nbdkit(socket, "memory", "size=4M");
  const transport = { kind: "stream", open: async () => await Promise.resolve(connect(socket)) } as const;
  await using disk = await openNbdDisk({ transport, exportName: "", connections: 2, signal: signal() });
  const content = randomBytes(4 * 1024 * 1024);
  await disk.write(0, content, signal());
  const into = new Uint8Array(content.length);
  await disk.read(0, into, signal());
  expect(content.equals(into)).toBe(true);
});

test("a server killed under way ends every request with a lost connection", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  await using server = await nbdkit(socket, "--filter=delay", "memory", "size=4M", "rdelay=5");
  await using disk = await openNbdDisk({ transport: unix(socket), exportName: "", signal: signal() });
  const reads = [0, 1, 2].map((number) => disk.read(number * 65_536, new Uint8Array(65_536), signal()));
  setTimeout(() => server.process.kill("SIGKILL"), 50);
  for (const settled of await Promise.allSettled(reads)) {
    expect(settled).toMatchObject({ status: "rejected", reason: { code: "CONNECTION_LOST" } });
  }
  await expect(disk.flush(signal())).rejects.toMatchObject({ code: "CONNECTION_LOST" });
});

test("a cancelled read ends within a second although the server does not answer", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  await using _server = await nbdkit(socket, "--filter=delay", "memory", "size=4M", "rdelay=30");
  await using disk = await openNbdDisk({ transport: unix(socket), exportName: "", signal: signal() });
  const started = performance.now();
  const reading = disk.read(0, new Uint8Array(65_536), AbortSignal.timeout(50));
  await expect(reading).rejects.toMatchObject({ name: "TimeoutError" });
  expect(performance.now() - started).toBeLessThan(1_000);
});

test("a server that goes silent counts as dead after the time-out", async () => {
  using dir = temporaryDir();
  const socket = join(dir.path, "s");
  await using server = await nbdkit(socket, "memory", "size=4M");
  await using disk = await openNbdDisk({ transport: unix(socket), exportName: "", timeoutMs: 200, signal: signal() });
  using _stopped = await stopProcess(server.process.pid ?? 0);
  await expect(disk.read(0, new Uint8Array(4096), signal())).rejects.toMatchObject({ code: "CONNECTION_LOST" });
});

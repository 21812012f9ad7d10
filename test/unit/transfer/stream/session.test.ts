import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { connect } from "node:tls";
import { expect, test } from "vitest";
import { replicaId } from "#domain/ids.ts";
import { MemoryReplicaStore } from "#test/support/memory-replica.ts";
import { memorySource } from "#test/support/memory-blocks.ts";
import {
  copyRequest,
  newAuthority,
  replica,
  serveStore,
  siteTls,
  streamTo,
  testCut,
} from "#test/support/stream-sites.ts";
import { connectReplica } from "#transfer/stream/connect.ts";
import { frameType, headerBytes, writeHeader } from "#transfer/stream/frame.ts";

const signal = (): AbortSignal => AbortSignal.timeout(9_000);
const disks = { vda: 1_000_000 };

test("a session begins, tells the state, seals and throws away as the replica does", async () => {
  const store = new MemoryReplicaStore(disks);
  await using stream = await streamTo(store);
  const cut = testCut(disks);
  expect(await stream.session.begin({ cut, mode: "full" }, signal())).toEqual({
    cut: cut.id,
    mode: "full",
    resumeOffsets: {},
  });
  await stream.session.discardIncoming(signal());
  expect((await stream.session.state(signal())).incoming).toBeUndefined();
  await stream.session.begin({ cut, mode: "full" }, signal());
  const point = await stream.session.seal({ cut, keep: true, retentionSeconds: 60 }, signal());
  expect(point).toMatchObject({ id: cut.id, kept: true });
  expect(await stream.session.state(signal())).toMatchObject({ epoch: 1, lastCut: cut.id });
});

test("the end of a session closes its replica, so that the next can open it", async () => {
  const store = new MemoryReplicaStore(disks);
  await using server = await serveStore(store);
  for (let times = 0; times < 3; times += 1) {
    await using stream = await streamTo(store, { port: server.port });
    expect((await stream.session.state(signal())).epoch).toBe(1);
  }
});

test("certificates of another authority are refused at both ends", async () => {
  const store = new MemoryReplicaStore(disks);
  await using server = await serveStore(store);
  const other = await newAuthority();
  const stranger = await siteTls("east", other);
  const own = await siteTls("east");
  const to = { address: "127.0.0.1", port: server.port, site: "west", replica, epoch: 1 };
  await expect(connectReplica({ ...to, tls: stranger }, signal())).rejects.toMatchObject({ code: "TLS_FAILED" });
  const intruder = { ...stranger, authority: own.authority };
  await expect(connectReplica({ ...to, tls: intruder }, signal())).rejects.toMatchObject({
    code: "TLS_FAILED",
    message: expect.stringContaining("does not trust the peer's certificate") as string,
  });
  expect(store.open_).toBe(0);
});

test("a site that is not the expected one is not spoken to", async () => {
  const store = new MemoryReplicaStore(disks);
  await using server = await serveStore(store);
  const to = { address: "127.0.0.1", port: server.port, site: "north", tls: await siteTls("east"), replica, epoch: 1 };
  await expect(connectReplica(to, signal())).rejects.toMatchObject({ code: "TLS_FAILED" });
});

test.each(["end", "resetAndDestroy"] as const)(
  "a worker that dies in the middle of the hand-shake is told as unreachable, which is tried again (%s)",
  async (die) => {
    const dying = createServer((socket) => void socket.once("data", () => socket[die]()));
    dying.listen(0, "127.0.0.1");
    await once(dying, "listening");
    const { port } = dying.address() as AddressInfo;
    const to = { address: "127.0.0.1", port, site: "west", tls: await siteTls("east"), replica, epoch: 1 };
    try {
      await expect(connectReplica(to, signal())).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    } finally {
      dying.close();
    }
  },
);

test("nobody listening is told as unreachable", async () => {
  const to = { address: "127.0.0.1", port: 1, site: "west", tls: await siteTls("east"), replica, epoch: 1 };
  await expect(connectReplica(to, signal())).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
});

test("the opener's refusals arrive as they were said", async () => {
  const store = new MemoryReplicaStore(disks);
  store.epoch = 5;
  await using server = await serveStore(store);
  const to = { address: "127.0.0.1", port: server.port, site: "west", tls: await siteTls("east"), replica, epoch: 5 };
  await expect(connectReplica({ ...to, epoch: 4 }, signal())).rejects.toMatchObject({ code: "STALE_EPOCH" });
  await expect(connectReplica({ ...to, replica: replicaId("none") }, signal())).rejects.toMatchObject({
    code: "REPLICA_NOT_FOUND",
  });
  store.allowedSite = "south";
  await expect(connectReplica(to, signal())).rejects.toMatchObject({
    code: "PEER_NOT_ALLOWED",
    message: 'Site "east" may not feed this replica.',
  });
});

test("a newer epoch ends the older session, whose sender can do nothing any more", async () => {
  const store = new MemoryReplicaStore(disks);
  await using server = await serveStore(store);
  await using old = await streamTo(store, { port: server.port });
  await old.session.begin({ cut: testCut(disks), mode: "full" }, signal());
  await using newer = await streamTo(store, { port: server.port, epoch: 2 });
  expect((await newer.session.state(signal())).epoch).toBe(2);
  await expect(old.session.state(signal())).rejects.toMatchObject({ code: "STALE_EPOCH" });
  await expect(old.session.copy(copyRequest(memorySource(Buffer.alloc(1_000_000))))).rejects.toMatchObject({
    code: "STALE_EPOCH",
  });
  await expect(streamTo(store, { port: server.port })).rejects.toMatchObject({ code: "STALE_EPOCH" });
  expect((await newer.session.state(signal())).epoch).toBe(2);
});

test("a second session of the same epoch takes over from a sender that died", async () => {
  const store = new MemoryReplicaStore(disks);
  await using server = await serveStore(store);
  await using dead = await streamTo(store, { port: server.port });
  await using alive = await streamTo(store, { port: server.port });
  expect((await alive.session.state(signal())).epoch).toBe(1);
  await expect(dead.session.state(signal())).rejects.toMatchObject({ code: "REPLICA_BUSY" });
});

test("a peer of another version is refused with both versions named", async () => {
  await using server = await serveStore(new MemoryReplicaStore(disks));
  const answer = await greet(server.port, {
    protocol: "understudy-replica",
    versions: [7],
    digests: ["blake3", "sha256"],
    replica,
    epoch: 1,
  });
  expect(answer).toMatchObject({ code: "PEER_INCOMPATIBLE", message: expect.stringContaining("version 1") as string });
});

test("a connection with a token nobody gave out is refused", async () => {
  await using server = await serveStore(new MemoryReplicaStore(disks));
  const answer = await greet(server.port, {
    protocol: "understudy-replica",
    versions: [1],
    digests: ["blake3"],
    token: "guessed",
  });
  expect(answer).toMatchObject({ code: "CONNECTION_LOST" });
});

test("a malformed greeting is refused and harms no one else", async () => {
  const store = new MemoryReplicaStore(disks);
  await using server = await serveStore(store);
  for (const greeting of [
    "{",
    [],
    { protocol: "http" },
    { protocol: "understudy-replica", versions: "1", digests: [] },
  ]) {
    expect(await greet(server.port, greeting)).toMatchObject({ code: "PEER_INCOMPATIBLE" });
  }
  await using stream = await streamTo(store, { port: server.port });
  expect((await stream.session.state(signal())).epoch).toBe(1);
});

/** Says one thing to the server over good TLS and answers the fault it sends back. */
async function greet(port: number, message: unknown): Promise<unknown> {
  const { certificate, key, authority } = await siteTls("east");
  const socket = connect({
    host: "127.0.0.1",
    port,
    cert: certificate,
    key,
    ca: authority,
    servername: "west.understudy.internal",
  });
  await once(socket, "secureConnect");
  const payload = Buffer.from(typeof message === "string" ? message : JSON.stringify(message));
  const header = Buffer.alloc(headerBytes);
  writeHeader(header, 0, { type: frameType.hello, flags: 0, count: 0, length: payload.length, offset: 0 });
  socket.write(Buffer.concat([header, payload]));
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  socket.destroy();
  return JSON.parse(Buffer.concat(chunks).subarray(headerBytes).toString()) as unknown;
}

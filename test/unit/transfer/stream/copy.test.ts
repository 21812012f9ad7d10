import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { MemoryReplicaStore } from "#test/support/memory-replica.ts";
import { memorySource } from "#test/support/memory-blocks.ts";
import { copyRequest, replica, siteTls, testCut } from "#test/support/stream-sites.ts";
import { connectReplica } from "#transfer/stream/connect.ts";
import { serveReplicas } from "#transfer/stream/serve.ts";

const signal = (): AbortSignal => AbortSignal.timeout(20_000);

test("a copy makes the replica's disk equal to the source, of any size", async () => {
  const content = Buffer.alloc(9 * 1024 * 1024 + 4096 + 512);
  randomBytes(3_000_000).copy(content, 100_000);
  content.fill("text that compresses ", 5_000_000, 8_000_000);
  content.write("the very end", content.length - 12);
  const store = new MemoryReplicaStore({ vda: content.length });
  store.sinkOf("vda").content.fill(7);
  await using server = await serveReplicas({
    address: "127.0.0.1",
    port: 0,
    tls: await siteTls("west"),
    opener: store,
  });
  await using session = await connectReplica(
    { address: "127.0.0.1", port: server.port, site: "west", tls: await siteTls("east"), replica, epoch: 1 },
    signal(),
  );
  await session.begin({ cut: testCut({ vda: content.length }), mode: "full" }, signal());
  for (const compression of ["adaptive", "off"] as const) {
    store.sinkOf("vda").content.fill(7);
    const result = await session.copy(copyRequest(memorySource(content), { compression }));
    expect(store.sinkOf("vda").content.equals(content)).toBe(true);
    expect(result.dataBytes + result.zeroBytes).toBe(content.length);
  }
  expect(store.incoming?.resumeOffsets).toEqual({ vda: content.length });
  const changed = Buffer.from(content);
  changed.write("x", 70_000);
  changed.fill(0, 200_000, 500_000);
  const result = await session.resynchronize(copyRequest(memorySource(changed)));
  expect(store.sinkOf("vda").content.equals(changed)).toBe(true);
  expect(result.dataBytes).toBeLessThan(400_000);
});

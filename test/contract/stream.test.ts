import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { MemoryReplicaStore } from "#test/support/memory-replica.ts";
import { memorySource } from "#test/support/memory-blocks.ts";
import { plainProxy } from "#test/support/stream-proxy.ts";
import { copyRequest, serveStore, streamTo, testCut } from "#test/support/stream-sites.ts";

const signal = (): AbortSignal => AbortSignal.timeout(25_000);

test.concurrent("a way that swallows everything is noticed by both sides within ten seconds", async () => {
  const content = randomBytes(32 * 1024 * 1024);
  const store = new MemoryReplicaStore({ vda: content.length });
  let silent = false;
  await using server = await serveStore(store);
  await using proxy = await plainProxy(server.port, (chunk, _cut) => (silent ? undefined : chunk));
  await using stream = await streamTo(store, { port: proxy.port });
  await stream.session.begin({ cut: testCut({ vda: content.length }), mode: "full" }, signal());
  store.sinkOf("vda").delayMs = 5;
  const copying = stream.session.copy(
    copyRequest(memorySource(content), { compression: "off", bytesPerSecond: () => 4e6, signal: signal() }),
  );
  setTimeout(() => (silent = true), 300);
  const started = performance.now();
  // The server hears nothing any more and ends the session; its end reaches the sender through the other direction.
  await expect(copying).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  expect(performance.now() - started).toBeLessThan(11_000);
  while (store.open_ > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(performance.now() - started).toBeLessThan(12_000);
});

test.concurrent("a store that takes long over a flush is not taken for a dead peer", async () => {
  const content = randomBytes(256 * 1024);
  const store = new MemoryReplicaStore({ vda: content.length });
  store.sinkOf("vda").delayMs = 11_000;
  await using stream = await streamTo(store);
  await stream.session.begin({ cut: testCut({ vda: content.length }), mode: "full" }, signal());
  await stream.session.copy(copyRequest(memorySource(content), { signal: signal() }));
  expect(store.sinkOf("vda").content.equals(content)).toBe(true);
});

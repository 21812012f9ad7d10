import { Connection } from "@temporalio/client";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTemporal } from "#lab/temporal/start.ts";
import { freePort } from "#lab/temporal/free-port.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "temporal-start-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test("serves on a free port, on this machine only, with its UI", async () => {
  await using server = await startTemporal({ dir });
  expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
  const page = await fetch(server.uiUrl);
  expect(page.status).toBe(200);
});

test("what was acknowledged is there again after a kill, on the same port", async () => {
  const first = await startTemporal({ dir });
  const connection = await Connection.connect({ address: first.address });
  await connection.workflowService.registerNamespace({
    namespace: "kept",
    workflowExecutionRetentionPeriod: { seconds: { low: 86_400, high: 0, unsigned: false } as never },
  });
  await connection.close();
  await first.kill();

  await using again = await startTemporal({ dir, port: first.port, uiPort: first.uiPort });
  expect(again.address).toBe(first.address);
  const second = await Connection.connect({ address: again.address });
  const { namespaceInfo } = await second.workflowService.describeNamespace({ namespace: "kept" });
  await second.close();
  expect(namespaceInfo?.name).toBe("kept");
});

test("does not take another server on its port for its own", async () => {
  await using server = await startTemporal({ dir: path.join(dir, "first") });
  await expect(startTemporal({ dir: path.join(dir, "second"), port: server.port })).rejects.toMatchObject({
    code: "PREREQUISITES_FAILED",
    message: expect.stringContaining(`cannot listen on ${server.address}`) as string,
  });
});

test("is reached at a second address through a relay that ends with it", async () => {
  const server = await startTemporal({ dir, ip: "127.0.0.7" });
  expect(server.address).toBe(`127.0.0.7:${server.port}`);
  const connection = await Connection.connect({ address: server.address });
  await connection.workflowService.describeNamespace({ namespace: "default" });
  await connection.close();
  await server.kill();
  await expect(Connection.connect({ address: server.address, connectTimeout: 500 })).rejects.toThrow(
    "Failed to connect",
  );
});

test("two free ports asked for at once are two", async () => {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  expect(new Set(ports).size).toBe(3);
});

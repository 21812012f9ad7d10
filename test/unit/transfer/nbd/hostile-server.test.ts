import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { expect, test } from "vitest";
import { collect } from "#test/support/collect.ts";
import { openNbdDisk } from "#transfer/nbd/open.ts";

/** A server that says what a test tells it to: the negotiation by the book, then a scripted answer to each request. */
interface Script {
  /** Replaces the greeting. */
  readonly greeting?: Buffer;
  /** Replaces the size in the export's information. */
  readonly sizeBytes?: bigint;
  readonly answer: (request: {
    readonly type: number;
    readonly cookie: Buffer;
    readonly length: number;
  }) => Buffer | undefined;
}

const sizeBytes = 1_048_576;
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const u64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};
const greeting = Buffer.concat([Buffer.from("NBDMAGICIHAVEOPT"), u16(3)]);
const reply = (option: number, type: number, data = Buffer.alloc(0)): Buffer =>
  Buffer.concat([u64(0x3e889045565a9n), u32(option), u32(type), u32(data.length), data]);
const chunk = (
  cookie: Buffer,
  part: { readonly type: number; readonly flags?: number; readonly length?: number; readonly data?: Buffer },
): Buffer => {
  const data = part.data ?? Buffer.alloc(0);
  return Buffer.concat([
    u32(0x668e33ef),
    u16(part.flags ?? 1),
    u16(part.type),
    cookie,
    u32(part.length ?? data.length),
    data,
  ]);
};

async function withServer<Result>(script: Script, use: (port: number) => Promise<Result>): Promise<Result> {
  const server = createServer((socket) => serve(socket, script));
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

function serve(socket: Socket, script: Script): void {
  let input = Buffer.alloc(0);
  let phase: "flags" | "options" | "requests" = "flags";
  socket.on("error", () => undefined);
  socket.write(script.greeting ?? greeting);
  socket.on("data", (data: Buffer) => {
    input = Buffer.concat([input, data]);
    for (let used = step(); used > 0; used = step()) input = input.subarray(used);
  });
  const step = (): number => {
    if (phase === "flags") {
      if (input.length < 4) return 0;
      phase = "options";
      return 4;
    }
    if (phase === "options") {
      if (input.length < 16 || input.length < 16 + input.readUInt32BE(12)) return 0;
      const number = input.readUInt32BE(8);
      socket.write(negotiate(number, script));
      if (number === 7) phase = "requests";
      return 16 + input.readUInt32BE(12);
    }
    if (input.length < 28) return 0;
    const [type, length] = [input.readUInt16BE(6), input.readUInt32BE(24)];
    const answer = script.answer({ type, cookie: Buffer.from(input.subarray(8, 16)), length });
    if (answer !== undefined) socket.write(answer);
    return 28;
  };
}

function negotiate(option: number, script: Script): Buffer {
  if (option === 8) return reply(8, 1);
  if (option === 10)
    return Buffer.concat([reply(10, 4, Buffer.concat([u32(1), Buffer.from("base:allocation")])), reply(10, 1)]);
  const info = Buffer.concat([u16(0), u64(script.sizeBytes ?? BigInt(sizeBytes)), u16(0x4d)]);
  return Buffer.concat([reply(7, 3, info), reply(7, 1)]);
}

const signal = (): AbortSignal => AbortSignal.timeout(5_000);
const open = (port: number, timeoutMs = 2_000) =>
  openNbdDisk({ transport: { kind: "tcp", host: "127.0.0.1", port }, exportName: "", timeoutMs, signal: signal() });

/** What a 4 KiB read meets. */
const readFrom = (answer: Script["answer"], timeoutMs?: number): Promise<unknown> =>
  withServer({ answer }, async (port) => {
    await using disk = await open(port, timeoutMs);
    return await disk.read(0, new Uint8Array(4096), signal());
  });

const fill = Buffer.alloc(4096, 5);
const at = (offset: number, data: Buffer): Buffer => Buffer.concat([u64(BigInt(offset)), data]);

test("the scripted server itself is understood when it answers by the book", async () => {
  await readFrom(({ cookie }) => chunk(cookie, { type: 1, data: at(0, fill) }));
});

const violations: Readonly<Record<string, Script["answer"]>> = {
  "a reply of unknown magic": () => Buffer.alloc(16, 9),
  "an answer to a request that was not asked": () => chunk(Buffer.alloc(8, 7), { type: 1, data: at(0, fill) }),
  "data beyond what was asked": ({ cookie }) => chunk(cookie, { type: 1, data: at(0, Buffer.alloc(8192)) }),
  "data before what was asked": ({ cookie }) =>
    chunk(cookie, { type: 1, data: Buffer.concat([u64(2n ** 64n - 1n), fill]) }),
  "less data than was asked": ({ cookie }) => chunk(cookie, { type: 1, data: at(0, fill.subarray(100)) }),
  "the same data twice": ({ cookie }) =>
    Buffer.concat([
      chunk(cookie, { type: 1, flags: 0, data: at(0, fill) }),
      chunk(cookie, { type: 1, data: at(0, fill) }),
    ]),
  "a data chunk that claims 4 GiB": ({ cookie }) => chunk(cookie, { type: 1, length: 0xffff_ffff, data: at(0, fill) }),
  "a hole of no length": ({ cookie }) => chunk(cookie, { type: 2, data: Buffer.concat([u64(0n), u32(0)]) }),
  "an error without a number": ({ cookie }) => chunk(cookie, { type: 0x8001, data: Buffer.concat([u32(0), u16(0)]) }),
  "an error whose text is longer than itself": ({ cookie }) =>
    chunk(cookie, { type: 0x8001, data: Buffer.concat([u32(5), u16(500)]) }),
  "an error of 4 GiB": ({ cookie }) => chunk(cookie, { type: 0x8001, length: 0xffff_ffff }),
  "a chunk of unknown type": ({ cookie }) => chunk(cookie, { type: 77 }),
  "a block status nobody asked for": ({ cookie }) =>
    chunk(cookie, { type: 5, data: Buffer.concat([u32(1), u32(4096), u32(0)]) }),
  "a simple reply with data in it": ({ cookie }) => Buffer.concat([u32(0x67446698), u32(0), cookie, fill]),
};
for (const [what, answer] of Object.entries(violations)) {
  test(`${what} ends the connection and hangs nothing`, async () => {
    await expect(readFrom(answer)).rejects.toMatchObject({
      code: "NBD_FAILED",
      message: expect.stringContaining("broke the protocol") as string,
    });
  });
}

const statuses: Readonly<Record<string, (cookie: Buffer) => Buffer>> = {
  "an empty run": (cookie) => chunk(cookie, { type: 5, data: Buffer.concat([u32(1), u32(0), u32(0)]) }),
  "no context at all": (cookie) => chunk(cookie, { type: 0 }),
  "half a run": (cookie) => chunk(cookie, { type: 5, data: Buffer.concat([u32(1), u32(4096)]) }),
  "a gigabyte of runs": (cookie) => chunk(cookie, { type: 5, length: 1_073_741_828 }),
};
for (const [what, answer] of Object.entries(statuses)) {
  test(`a block status of ${what} is an error, never an endless loop`, async () => {
    await withServer({ answer: ({ cookie }) => answer(cookie) }, async (port) => {
      await using disk = await open(port);
      const walk = async (): Promise<void> => {
        for await (const extent of disk.extents({ signal: signal() })) expect(extent.length).toBeGreaterThan(0);
      };
      await expect(walk()).rejects.toMatchObject({ code: "NBD_FAILED" });
    });
  });
}

test("a block status that covers less than was asked is asked on from where it ended", async () => {
  const runs = [
    Buffer.concat([u32(1), u32(65_536), u32(0)]),
    Buffer.concat([u32(1), u32(65_536), u32(3), u32(9_000_000), u32(0)]),
  ];
  const answer: Script["answer"] = ({ cookie }) => chunk(cookie, { type: 5, data: runs.shift() ?? Buffer.alloc(0) });
  await withServer({ answer }, async (port) => {
    await using disk = await open(port);
    const extents = await collect(disk.extents({ signal: signal() }));
    expect(extents).toEqual([
      { offset: 0, length: 65_536, kind: "data" },
      { offset: 65_536, length: 65_536, kind: "zero" },
      { offset: 131_072, length: sizeBytes - 131_072, kind: "data" },
    ]);
  });
});

test("silence in the middle of an answer ends with a lost connection", async () => {
  const answer: Script["answer"] = ({ cookie }) =>
    chunk(cookie, { type: 1, length: 4104, data: at(0, fill.subarray(0, 10)) });
  await expect(readFrom(answer, 100)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
});

test("no answer at all to the greeting ends with a lost connection", async () => {
  await withServer({ greeting: Buffer.from("NBD"), answer: () => undefined }, async (port) => {
    await expect(open(port, 100)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  });
});

test("what is no NBD server is called so", async () => {
  await withServer({ greeting: Buffer.from("SSH-2.0-OpenSSH_9.2 and more"), answer: () => undefined }, async (port) => {
    await expect(open(port)).rejects.toMatchObject({
      code: "NBD_FAILED",
      message: expect.stringContaining("not an NBD server") as string,
    });
  });
});

test("an export larger than any disk is refused", async () => {
  await withServer({ sizeBytes: 2n ** 63n, answer: () => undefined }, async (port) => {
    await expect(open(port)).rejects.toMatchObject({ code: "NBD_FAILED" });
  });
});

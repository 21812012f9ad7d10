import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { connectQmp } from "#platforms/libvirt/target/qmp.ts";

interface Command {
  readonly execute: string;
  readonly id: number;
}

/** A monitor at the other end of a stream: answers each command with what `answer` gives, line by line. */
const monitor = (answer: (command: Command, say: (message: unknown) => void) => void): Duplex => {
  const stream: Duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      const say = (message: unknown): void => {
        stream.push(`${JSON.stringify(message)}\r\n`);
      };
      for (const line of chunk.toString().trim().split("\n")) {
        const command = JSON.parse(line) as Command;
        if (command.execute === "qmp_capabilities") say({ return: {}, id: command.id });
        else answer(command, say);
      }
      done();
    },
  });
  stream.push('{"QMP": {"version": {}}}\r\n');
  return stream;
};
const options = { where: "the daemon", timeoutMs: 50 };

describe("a QMP monitor", () => {
  it("answers commands that are under way together, each with its own answer", async () => {
    await using qmp = await connectQmp(
      monitor(({ execute, id }, say) => say({ return: execute, id })),
      options,
    );
    expect(await Promise.all([qmp.execute("one"), qmp.execute("two")])).toEqual(["one", "two"]);
  });

  it("says what QEMU refused, and goes on", async () => {
    const stream = monitor(({ execute, id }, say) =>
      say(execute === "bad" ? { error: { class: "GenericError", desc: "no such node" }, id } : { return: {}, id }),
    );
    await using qmp = await connectQmp(stream, options);
    await expect(qmp.execute("bad")).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: "QEMU refused bad at the daemon: no such node.",
    });
    await expect(qmp.execute("good")).resolves.toEqual({});
  });

  it("hands an event to who waits for it, and to nobody else", async () => {
    const stream = monitor(({ id }, say) => {
      say({ event: "OTHER", data: { id: "x" } });
      say({ event: "DELETED", data: { id: "y" } });
      say({ event: "DELETED", data: { id: "x" } });
      say({ return: {}, id });
    });
    await using qmp = await connectQmp(stream, options);
    const deleted = qmp.event("DELETED", ({ data }) => data["id"] === "x");
    await qmp.execute("delete");
    expect(await deleted).toEqual({ event: "DELETED", data: { id: "x" } });
  });

  it("gives up on an answer that does not come", async () => {
    await using qmp = await connectQmp(
      monitor(() => undefined),
      options,
    );
    await expect(qmp.execute("wait")).rejects.toMatchObject({ code: "COMMAND_TIMED_OUT" });
  });

  it("rejects everything under way, and everything later, when the daemon dies", async () => {
    const stream = monitor(() => {
      stream.destroy();
    });
    await using qmp = await connectQmp(stream, options);
    await expect(qmp.execute("die")).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    await expect(qmp.execute("again")).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(qmp.closed).toBe(true);
  });

  it("rejects what is no monitor", async () => {
    const silent = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    await expect(connectQmp(silent, options)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    const wild = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    wild.push("HTTP/1.1 400\r\n");
    await expect(connectQmp(wild, options)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  });
});

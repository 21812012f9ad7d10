import { existsSync } from "node:fs";
import { copyFile, mkdir, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";

import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";

import { buildGuest } from "#lab/guest/build.ts";
import { createDisk } from "#lab/guest/disk.ts";
import { checkImages, judgeRecords } from "#lab/oracle/check-image.ts";
import { compareImages } from "#lab/oracle/compare.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";

const mib = 1024 * 1024;
let writer: string;

beforeAll(async () => {
  ({ writer } = await buildGuest());
}, 120_000);

/** The guest's writer, run here over some folders until it has written so many records more, then killed. */
const writeSome = async (records: number, folders: readonly string[]): Promise<void> => {
  const run = path.join(path.dirname(folders[0] ?? ""), "run");
  for (const folder of [...folders, path.join(run, "www")]) await mkdir(folder, { recursive: true });
  await writeFile(path.join(run, "writer.conf"), "interval_ms=1\n");
  const status = path.join(run, "www/status");
  await rm(status, { force: true });
  const running = execa(writer, ["run", ...folders], {
    env: { WRITER_RUN: run, WRITER_ACK: "/dev/null" },
    reject: false,
  });
  const written = async (): Promise<number> =>
    existsSync(status) ? (JSON.parse(await readFile(status, "utf8")) as { readonly seq: number }).seq : 0;
  let first = 0;
  while (first === 0 || (await written()) < first + records) {
    first ||= await written();
    await sleep(1);
  }
  running.kill("SIGKILL");
  await running;
};

describe("the oracle on records", () => {
  it("accepts what a writer killed at any moment leaves, over one disk and over three", async () => {
    using dir = temporaryDir();
    const one = [path.join(dir.path, "a")];
    const three = ["b", "c", "d"].map((name) => path.join(dir.path, name));
    for (const folders of [one, three]) {
      for (let round = 0; round < 3; round++) await writeSome(20, folders);
      const verdict = await judgeRecords(folders);
      expect(verdict).toMatchObject({ ok: true, problems: [] });
      expect(verdict.head).toBeGreaterThan(10);
    }
  });

  it("goes on being right when the journal has gone around", async () => {
    using dir = temporaryDir();
    const folder = path.join(dir.path, "a");
    await mkdir(folder);
    const before = slots - 5;
    await writeFile(
      path.join(folder, "journal"),
      Buffer.concat(Array.from({ length: before }, (_, index) => sector("USRECORD", index + 1))),
    );
    await writeFile(path.join(folder, "head"), sector("USHEAD01", before));
    await writeSome(20, [folder]);
    const verdict = await judgeRecords([folder]);
    expect(verdict.head).toBeGreaterThan(slots + 5);
    expect(verdict).toMatchObject({ ok: true, problems: [] });
    expect((await stat(path.join(folder, "journal"))).size).toBe(slots * 512);
  });

  it("refuses an image whose journal is older than its head", async () => {
    using dir = temporaryDir();
    const folder = path.join(dir.path, "a");
    await writeSome(20, [folder]);
    await copyFile(path.join(folder, "journal"), path.join(dir.path, "older"));
    await writeSome(20, [folder]);
    await copyFile(path.join(dir.path, "older"), path.join(folder, "journal"));
    const verdict = await judgeRecords([folder]);
    expect(verdict.ok).toBe(false);
    expect(verdict.problems[0]).toMatch(/record \d+ is missing though the head is \d+/);
  });

  it("refuses an image whose head is older than its journal", async () => {
    using dir = temporaryDir();
    const folder = path.join(dir.path, "a");
    await writeSome(20, [folder]);
    await copyFile(path.join(folder, "head"), path.join(dir.path, "older"));
    await writeSome(20, [folder]);
    await copyFile(path.join(dir.path, "older"), path.join(folder, "head"));
    expect((await judgeRecords([folder])).ok).toBe(false);
  });

  it("refuses two disks of two instants, either way around", async () => {
    using dir = temporaryDir();
    const [first, second] = [path.join(dir.path, "a"), path.join(dir.path, "b")];
    await writeSome(20, [first, second]);
    using copy = temporaryDir();
    await execa("cp", ["-r", first, second, copy.path]);
    await writeSome(20, [first, second]);
    expect((await judgeRecords([first, path.join(copy.path, "b")])).ok).toBe(false);
    expect((await judgeRecords([path.join(copy.path, "a"), second])).ok).toBe(false);
    expect((await judgeRecords([first, second])).ok).toBe(true);
  });

  it("refuses a damaged record", async () => {
    using dir = temporaryDir();
    const folder = path.join(dir.path, "a");
    await writeSome(20, [folder]);
    await overwrite(path.join(folder, "journal"), 3 * 512 + 20);
    expect((await judgeRecords([folder])).problems).toEqual([
      expect.stringMatching(/slot 3 is damaged where record 4 belongs/),
    ]);
  });
});

describe("the oracle on images", () => {
  const disk = async (file: string, bootable: boolean): Promise<void> =>
    createDisk({
      file,
      sizeBytes: 64 * mib,
      format: "qcow2",
      number: 0,
      blobBytes: mib,
      bootable,
      settings: { name: "x", disks: 1 },
      parts: await buildGuest(),
    });

  it("finds the file system of a disk with and without a boot loader", async () => {
    using dir = temporaryDir();
    for (const bootable of [false, true]) {
      const file = path.join(dir.path, `${bootable}.qcow2`);
      await disk(file, bootable);
      expect(await checkImages([{ file, format: "qcow2" }], { folder: dir.path })).toMatchObject({
        ok: true,
        clean: true,
        head: 0,
      });
    }
  });

  it("refuses a file system that is damaged", async () => {
    using dir = temporaryDir();
    const file = path.join(dir.path, "a.raw");
    await disk(path.join(dir.path, "a.qcow2"), false);
    await execa("qemu-img", ["convert", "-O", "raw", path.join(dir.path, "a.qcow2"), file]);
    // the group descriptors, behind the first block
    for (let at = 1024; at < 8192; at += 64) await overwrite(file, at + 1024);
    const verdict = await checkImages([{ file, format: "raw" }], { folder: dir.path });
    expect(verdict.ok).toBe(false);
    expect(verdict.problems[0]).toContain("the file system of disk 0 is damaged");
  });

  it("tells equal images from different ones whatever their formats", async () => {
    using dir = temporaryDir();
    const [one, other] = [path.join(dir.path, "a.qcow2"), path.join(dir.path, "b.raw")];
    await disk(one, false);
    await execa("qemu-img", ["convert", "-O", "raw", one, other]);
    const images = [
      { file: one, format: "qcow2" },
      { file: other, format: "raw" },
    ] as const;
    expect(await compareImages(...images)).toEqual({ same: true });
    await overwrite(other, (await stat(other)).size - 1);
    expect(await compareImages(...images)).toEqual({
      same: false,
      difference: expect.stringContaining("Content mismatch"),
    });
  });
});

/** The journal's ring, as lab/guest/writer/record.go has it. */
const slots = 65_536;

/** A record as the writer lays it out. */
const sector = (magic: string, seq: number): Buffer => {
  const bytes = Buffer.alloc(512);
  bytes.write(magic);
  bytes.writeBigUInt64LE(BigInt(seq), 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 32)), 32);
  return bytes;
};

const overwrite = async (file: string, position: number): Promise<void> => {
  await using handle = await open(file, "r+");
  await handle.write(Buffer.from([0x5a]), 0, 1, position);
};

import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";

import { execa } from "execa";
import { describe, expect, it } from "vitest";

import { createMachine } from "#lab/guest/machine.ts";
import { openLab, startLab } from "#lab/hosts/lab.ts";
import { reapLab, reapStale } from "#lab/hosts/reap.ts";
import { newestAck, measureLoss } from "#lab/oracle/acks.ts";
import { checkImages } from "#lab/oracle/check-image.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";

import { leftovers } from "./lab-leftovers.ts";
import { labId } from "./lab-id.ts";

const addressIn = (subnet: string, last: number): string => subnet.replace(/0\/24$/, String(last));

describe("a lab", () => {
  it("gives each host a libvirtd, an sshd with a key to pin, and a name of its own, and is gone without a trace after use", async () => {
    using dir = temporaryDir();
    const lab = await startLab({ id: labId("lta"), dir: dir.path, storeBytes: { lyon1: 64 * 1024 * 1024 } });
    {
      await using running = lab;
      for (const host of running.hosts) {
        const { stdout } = await execa("ssh", ["-F", running.sshConfig, host.name, "hostname && virsh -q uri"]);
        expect(stdout).toBe(`${host.name}\nqemu:///system`);
      }
      const keys = running.hosts.map(({ hostKey }) => hostKey);
      expect(new Set(keys).size).toBe(2);
      expect(await leftovers(running)).not.toEqual([]);
    }
    expect(await leftovers(lab)).toEqual([]);
  });

  it("refuses an SSH client that pinned another host's key", async () => {
    using dir = temporaryDir();
    await using lab = await startLab({ id: labId("ltb"), dir: dir.path });
    const [paris, lyon] = [lab.host("paris1"), lab.host("lyon1")];
    const result = await execa(
      "ssh",
      [
        "-o",
        `KnownHostsCommand=/bin/echo ${paris.address} ${lyon.hostKey}`,
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "UserKnownHostsFile=/dev/null",
      ].concat(["-i", paris.identityFile, `root@${paris.address}`, "true"]),
      { reject: false },
    );
    expect(result.exitCode).toBe(255);
    expect(result.stderr).toContain("Host key verification failed");
  });

  it("boots a guest from its own disk, and boots it again after its host crashed, with nothing lost that it acknowledged", async () => {
    using dir = temporaryDir();
    await using lab = await startLab({ id: labId("ltc"), dir: dir.path });
    const host = lab.host("paris1");
    const guest = await createMachine({
      host,
      name: "shop",
      addresses: [addressIn(lab.subnet, 101)],
      settings: { intervalMs: 20 },
    });
    await guest.start();
    await expect.poll(async () => (await guest.status()).seq, { timeout: 10_000 }).toBeGreaterThan(20);

    await host.crash();
    expect(await host.pid()).toBeUndefined();
    await expect(host.run("true")).rejects.toThrow("The lab host paris1 is down");
    const verdict = await checkImages([{ file: host.path(`${host.images}/shop-0.qcow2`), format: "qcow2" }]);
    expect(verdict).toMatchObject({ ok: true, clean: false, problems: [] });
    const newest = await newestAck(host, "shop");
    expect(newest?.seq).toBeGreaterThan(20);
    expect(measureLoss(newest, verdict)).toEqual({ records: 0, milliseconds: 0 });

    await host.start();
    expect(await guest.state()).toBe("shut off");
    await guest.start();
    expect((await guest.console()).match(/MOUNTED .*/g)?.at(-1)).toContain(`"ok":true,"head":${verdict.head}`);
    await guest.shutDown();
    expect(await checkImages([{ file: host.path(`${host.images}/shop-0.qcow2`), format: "qcow2" }])).toMatchObject({
      ok: true,
      clean: true,
    });
  });

  it("boots a UEFI guest, which keeps its firmware's variables", async () => {
    using dir = temporaryDir();
    await using lab = await startLab({ id: labId("lth"), dir: dir.path, hosts: ["paris1"] });
    const host = lab.host("paris1");
    const request = { host, name: "modern", addresses: [addressIn(lab.subnet, 103)], firmware: "uefi" } as const;
    await expect(createMachine(request)).rejects.toThrow('give the UEFI machine modern boot: "kernel"');
    const guest = await createMachine({ ...request, boot: "kernel", disks: [{ sizeBytes: 128 * 1024 * 1024 }] });
    await guest.start();
    expect((await host.run("ls /var/lib/libvirt/qemu/nvram")).stdout).toContain("modern");
  });

  it("is taken down by reapStale after the process that started it was killed, and only then", async () => {
    using dir = temporaryDir();
    const owner = execa(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `const { startLab } = await import(${JSON.stringify(path.resolve("lab/hosts/lab.ts"))});
       await startLab({ id: "${labId("ltd")}", dir: ${JSON.stringify(dir.path)} });
       console.log("up");
       setInterval(() => undefined, 1000);`,
      ],
      { reject: false },
    );
    await once(owner.stdout, "data");
    expect(await reapStale({ dir: dir.path })).toEqual([]);
    await expect(startLab({ id: labId("ltd"), dir: dir.path })).rejects.toThrow(
      `The lab "${labId("ltd")}" runs already`,
    );

    owner.kill("SIGKILL");
    await owner;
    const folder = path.join(dir.path, labId("ltd"));
    expect(await leftovers({ id: labId("ltd"), folder })).not.toEqual([]);
    expect(await reapStale({ dir: dir.path })).toEqual([labId("ltd")]);
    expect(await leftovers({ id: labId("ltd"), folder })).toEqual([]);
  });

  it("leaves nothing behind when its start is stopped half-way", async () => {
    using dir = temporaryDir();
    const stop = new AbortController();
    const start = startLab({
      id: labId("lte"),
      dir: dir.path,
      signal: stop.signal,
      progress: (sentence) => {
        if (sentence.includes("starting sshd")) stop.abort(new Error("enough"));
      },
    });
    await expect(start).rejects.toThrow(/enough|stopped on request/);
    expect(await leftovers({ id: labId("lte"), folder: path.join(dir.path, labId("lte")) })).toEqual([]);
  });

  it("lives beside another on a subnet of its own, and can be kept, reopened and reaped", async () => {
    using dir = temporaryDir();
    await using one = await startLab({ id: labId("ltf"), dir: dir.path });
    {
      await using other = await startLab({ id: labId("ltg"), dir: dir.path, hosts: ["oslo1"] });
      expect(other.subnet).not.toBe(one.subnet);
      await other.keep();
    }
    const reopened = await openLab(labId("ltg"), { dir: dir.path });
    expect((await reopened.host("oslo1").run("hostname")).stdout).toBe("oslo1");
    expect(await reapStale({ dir: dir.path })).toEqual([]);
    expect(await reapLab(labId("ltg"), { dir: dir.path })).toBe(true);
    expect(await reapLab(labId("ltg"), { dir: dir.path })).toBe(false);
    expect(existsSync(reopened.folder)).toBe(false);
    expect((await one.host("paris1").run("virsh -q list >/dev/null; hostname")).stdout).toBe("paris1");
  });
});

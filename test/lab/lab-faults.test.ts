import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { findFault } from "#lab/faults/catalogue.ts";
import { createMachine } from "#lab/guest/machine.ts";
import type { LabGuest } from "#lab/guest/guest.ts";
import { type Lab, startLab } from "#lab/hosts/lab.ts";
import { checkImages } from "#lab/oracle/check-image.ts";
import { observeMachine } from "#lab/oracle/observe.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";
import { labId } from "./lab-id.ts";

let lab: Lab;
let dir: ReturnType<typeof temporaryDir>;

beforeAll(async () => {
  dir = temporaryDir();
  lab = await startLab({ id: labId("ltx"), dir: dir.path, storeBytes: { lyon1: 96 * 1024 * 1024 } });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  dir?.[Symbol.dispose]();
});

const inject = (name: string, ...args: readonly string[]): Promise<void> => findFault(name).inject(lab, args);

/** Whether a worker of `site` gets an SSH greeting from `address` within a second. */
const reaches = async (site: string, address: string): Promise<boolean> => {
  const greeting = `exec 3<>/dev/tcp/${address}/22 && head -c 4 <&3`;
  try {
    const { stdout } = await lab.site(site).exec(["timeout", "1", "bash", "-c", greeting]);
    return stdout === "SSH-";
  } catch {
    return false;
  }
};

describe("a site's line", () => {
  it("when cut separates the site from the other and leaves its worker its own host", async () => {
    const [paris, lyon] = [lab.host("paris1").address, lab.host("lyon1").address];
    expect(await reaches("paris", lyon)).toBe(true);
    await inject("cut", "paris");
    expect([await reaches("paris", lyon), await reaches("lyon", paris), await reaches("paris", paris)]).toEqual([
      false,
      false,
      true,
    ]);
    await inject("restore", "paris");
    await expect.poll(() => reaches("paris", lyon), { timeout: 10_000 }).toBe(true);
  });

  it("passes no more than it is told", async () => {
    const transfer = async (): Promise<number> => {
      const sink = lab.site("lyon").exec(["socat", "-u", "TCP-LISTEN:7000,reuseaddr", "OPEN:/dev/null"]);
      await expect
        .poll(async () => (await lab.site("lyon").exec(["ss", "-Hltn", "sport", "=", ":7000"])).stdout, {
          timeout: 10_000,
        })
        .toContain("LISTEN");
      const began = performance.now();
      await lab
        .site("paris")
        .exec(["sh", "-c", `head -c 5000000 /dev/zero | socat -u - TCP:${lab.site("lyon").address}:7000`]);
      await sink;
      return 40 / ((performance.now() - began) / 1000);
    };
    await inject("slow", "paris", "20");
    expect(await transfer()).toBeLessThan(22);
    await inject("free", "paris");
    expect(await transfer()).toBeGreaterThan(22);
  });
});

describe("a host", () => {
  it("can be unplugged and silenced, one way or both", async () => {
    const { address } = lab.host("paris1");
    for (const [fault, ...more] of [["unplug"], ["silence", "in"], ["silence", "out"], ["silence"]] as const) {
      await inject(fault, "paris1", ...more);
      expect(await reaches("paris", address)).toBe(false);
      await inject(fault === "unplug" ? "plug" : "unsilence", "paris1");
      await expect.poll(() => reaches("paris", address), { timeout: 10_000 }).toBe(true);
    }
  });

  it("can lose its sshd and its libvirtd, and have them hang, and back", async () => {
    const host = lab.host("paris1");
    const answers = () =>
      host.run("timeout 2 virsh -q list").then(
        () => true,
        () => false,
      );
    await inject("stop-sshd", "paris1");
    expect(await reaches("paris", host.address)).toBe(false);
    await inject("start-sshd", "paris1");
    expect(await reaches("paris", host.address)).toBe(true);
    for (const [broken, mended] of [
      ["kill-libvirtd", "start-libvirtd"],
      ["hang-libvirtd", "resume-libvirtd"],
    ] as const) {
      await inject(broken, "paris1");
      expect(await answers()).toBe(false);
      await inject(mended, "paris1");
      await expect.poll(answers, { timeout: 10_000 }).toBe(true);
    }
  });

  it("can have its store full, when that has a size, and never the machine's disk", async () => {
    const host = lab.host("lyon1");
    const writes = () =>
      host.run('echo x >"$1/probe" && rm "$1/probe"', [host.store]).then(
        () => true,
        () => false,
      );
    await inject("fill-store", "lyon1");
    expect(await writes()).toBe(false);
    await inject("empty-store", "lyon1");
    expect(await writes()).toBe(true);
    await expect(inject("fill-store", "paris1")).rejects.toThrow("The store of paris1 has no size of its own");
  });

  it("keeps a store of limited size over a crash", async () => {
    const host = lab.host("lyon1");
    await host.run('echo kept >"$1/file"', [host.store]);
    await inject("crash", "lyon1");
    await inject("start", "lyon1");
    expect((await host.run('cat "$1/file"', [host.store])).stdout).toBe("kept");
  });
});

describe("a site", () => {
  it("loses what runs in its worker's network and nothing else", async () => {
    const worker = lab.site("lyon").exec(["sleep", "60"]);
    const failed = worker.then(
      () => "ended",
      () => "killed",
    );
    await sleep(100);
    await inject("kill-workers", "lyon");
    expect(await failed).toBe("killed");
    expect(await lab.host("lyon1").pid()).toBeDefined();
  });

  it("loses its hosts too when it crashes as a whole", async () => {
    await inject("crash-site", "lyon");
    expect(await lab.host("lyon1").pid()).toBeUndefined();
    expect(await lab.host("paris1").pid()).toBeDefined();
    await inject("start", "lyon1");
  });
});

describe("a guest with two disks, one of them on SCSI", () => {
  let guest: LabGuest;
  const images = () =>
    [0, 1].map((disk) => ({ file: guest.host.path(`${guest.host.images}/two-${disk}.qcow2`), format: "qcow2" }));
  beforeAll(async () => {
    guest = await createMachine({
      host: lab.host("paris1"),
      name: "two",
      addresses: [lab.subnet.replace(/0\/24$/, "102")],
      boot: "kernel",
      disks: [{}, { bus: "scsi", sizeBytes: 128 * 1024 * 1024 }],
      settings: { intervalMs: 20, rateKibPerSecond: 1024 },
    });
    await guest.start();
  });

  it("is consistent across them however its QEMU dies, and is seen to start and to write from outside", async () => {
    await using observer = await observeMachine({ hosts: lab.hosts, machine: "two" });
    await expect
      .poll(() => observer.events().filter(({ kind }) => kind === "acknowledged").length, { timeout: 20_000 })
      .toBeGreaterThan(10);
    await inject("kill-qemu", "paris1", "two");
    await expect.poll(() => guest.state(), { timeout: 10_000 }).toBe("shut off");
    const verdict = await checkImages(images());
    expect(verdict).toMatchObject({ ok: true, problems: [] });
    await guest.start();
    await expect
      .poll(() => observer.events().find(({ kind }) => kind === "started"), { timeout: 20_000 })
      .toMatchObject({
        host: "paris1",
        ok: true,
        head: verdict.head,
      });
  });

  it("rests at a record's end in a freeze, and its image then needs no recovery", async () => {
    const { host } = guest;
    await host.run("virsh -q domfsfreeze two");
    const frozen = await checkImages(images());
    expect(frozen).toMatchObject({ ok: true, clean: true });
    expect(frozen.quiesced).toBe(frozen.head);
    expect(frozen.last).toBe(frozen.head);
    await host.run("virsh -q domfsthaw two");
    await expect.poll(async () => (await guest.status()).seq, { timeout: 10_000 }).toBeGreaterThan(frozen.head);
  });

  it("refuses to freeze when its hook fails, and goes on", async () => {
    await guest.set({ freeze: "fail" });
    await expect(guest.host.run("virsh -q domfsfreeze two")).rejects.toThrow("fsfreeze hook has failed");
    await guest.set({ freeze: "ok" });
    await expect(guest.set({ blockKib: 3 })).rejects.toThrow("block_kib must be a multiple of 4");
    await guest.set({ intervalMs: 10 });
    const { seq } = await guest.status();
    await expect.poll(async () => (await guest.status()).seq, { timeout: 10_000 }).toBeGreaterThan(seq);
  });
});

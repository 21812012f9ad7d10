import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CutDescription } from "#domain/cut.ts";
import { type CutId, cutId, failoverId, itemName, machineId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { openStore } from "#platforms/libvirt/target/host-store.ts";
import type { FailoverRequest, RecoveryTarget } from "#platforms/platform.ts";
import { operation } from "#test/support/operation.ts";
import {
  createModel,
  mebibyte,
  recordCut,
  replica,
  replicateDelta,
  spec,
  startTargetHost,
  targetOn,
  type TargetHost,
} from "./libvirt-target-fixture.ts";
import { labId } from "./lab-id.ts";

const never = new AbortController().signal;
const uuid = "5a3705d2-13fe-49bf-a1db-8a1536ac0f87";
const sizes = { vda: 4 * mebibyte };
let target: TargetHost;
let healthy: RecoveryTarget;
beforeAll(async () => {
  target = await startTargetHost(labId("tgr"));
  healthy = targetOn(target.connection, target.host);
});
afterAll(async () => {
  await target?.[Symbol.asyncDispose]();
});

/** The smallest machine that QEMU starts: nothing boots from its disk. */
const definition = (file: string): string => `<domain type='qemu'>
  <name>app1</name><uuid>${uuid}</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${file}'/><target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'><mac address='52:54:00:00:00:07'/><source bridge='br0'/><model type='virtio'/></interface>
    <memballoon model='none'/>
  </devices>
</domain>`;

class WorkerDied extends Error {}

const oldPrimary = { machine: machineId(uuid), content: cutId("cut-3") };
/** What makes the old primary the replica, its disk being said to be the cut. */
const adopting = () => ({ ...spec({ sizes }), epoch: 3, adopt: oldPrimary });

/** Defines the old primary, off, with a disk that was written to and then cut; no replica stands. Answers the disk's image. */
const shutOffAt = async (cut: CutId): Promise<string> => {
  const image = `${target.host.images}/vda.qcow2`;
  await healthy.deleteReplica(replica, operation());
  await target.host.run(
    'qemu-img create -q -f qcow2 "$1" 4M && qemu-io -c "write -P 7 1M 64k" "$1" >/dev/null && cat >/run/app1.xml && virsh -q define /run/app1.xml',
    [image],
    { stdin: definition(image) },
  );
  await recordCut(target.host, { image, cut, sizeBytes: sizes.vda });
  return image;
};

const claimsNoCut = async (): Promise<void> => {
  await using receiving = await healthy.open({ replica, epoch: 3, peerSite: "paris" }, never);
  expect((await receiving.state(never)).lastCut).toBeUndefined();
};

/** The worker dies at its n-th call to the host, which does what it was asked; the worker does not live to hear of it. */
const dyingAt = (call: number): { readonly connection: HostConnection; readonly died: () => boolean } => {
  let calls = 0;
  let died = false;
  const around = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    const mine = (calls += 1);
    if (died) throw new WorkerDied();
    if (mine !== call) return await work();
    // Whatever the host answered, also a refusal: the worker does not live to see it.
    await Promise.allSettled([work()]);
    died = true;
    throw new WorkerDied();
  };
  const { connection } = target;
  return {
    connection: {
      ...connection,
      run: (script, args, options) => around(() => connection.run(script, args, options)),
      virsh: (commands, options) => around(() => connection.virsh(commands, options)),
    },
    died: () => died,
  };
};

/** Does the work on a worker that dies at every one of its calls in turn, and each time once more on one that lives. Answers how many calls there were. */
const throughEveryDeath = async (steps: {
  readonly prepare?: () => Promise<void>;
  readonly work: (recovery: RecoveryTarget) => Promise<unknown>;
  readonly check: () => Promise<void>;
}): Promise<number> => {
  for (let call = 1; ; call += 1) {
    await steps.prepare?.();
    const dying = dyingAt(call);
    await steps.work(targetOn(dying.connection, target.host)).catch((error: unknown) => {
      if (!(error instanceof WorkerDied)) throw error;
    });
    if (dying.died()) await steps.work(healthy);
    await steps.check();
    if (!dying.died()) return call - 1;
  }
};

const domains = async (): Promise<string> =>
  (await target.host.run("virsh -q list --all | awk '{ print $2, $3, $4 }' | sort")).stdout.trim();
const phases = async (): Promise<readonly string[]> => {
  const state = await openStore({ host: target.connection, store: target.host.store, replica }).read(never);
  return state.activations.map(({ failover, phase, point }) => `${failover} ${phase} ${point}`);
};
const left = async (): Promise<string> => {
  const { stdout } = await target.host.run(
    'ls -d /sys/class/net/us-* "$1"/machines/*/* 2>/dev/null || :; if [ -d "$1/machines" ]; then find "$1/machines" -mindepth 1 -maxdepth 1 -empty; fi',
    [target.host.store],
  );
  return stdout.trim();
};

const base: FailoverRequest = {
  replica,
  failover: failoverId("fo"),
  kind: "planned",
  point: cutId("cut-2"),
  epoch: 2,
  networks: {},
  isolated: false,
  machineName: "app1",
  item: itemName("app1"),
};

describe("what is done with a replica's machines", { timeout: 300_000 }, () => {
  beforeEach(async () => {
    await target.host.run(
      "for each in $(virsh -q list --name); do virsh -q destroy $each; done; for each in $(virsh -q list --all --name); do virsh -q undefine $each; done",
    );
    await target.host.run('rm -rf "$1"/replicas "$1"/machines', [target.host.store]);
    const model = createModel(sizes, 20);
    await healthy.createReplica(spec({ sizes }), operation());
    await using receiving = await healthy.open({ replica, epoch: 1, peerSite: "paris" }, never);
    let cut: CutDescription | undefined;
    for (let count = 0; count < 3; count += 1) {
      model.write(10);
      cut = await replicateDelta(receiving, model, {
        keep: true,
        definition: definition("/images/vda.qcow2"),
        ...(cut !== undefined && { base: cut }),
      });
    }
  });

  it("comes to the same end when the worker of a test failover and of its clean-up died at any call", async () => {
    const test: FailoverRequest = {
      ...base,
      failover: failoverId("t"),
      kind: "test",
      epoch: 1,
      isolated: true,
      machineName: "app1-Test",
    };
    const started = await throughEveryDeath({
      prepare: async () => {
        await healthy.discard({ replica, failover: test.failover, epoch: 1 }, operation());
      },
      work: (recovery) => recovery.failOver(test, operation()),
      check: async () => {
        expect(await domains()).toBe("app1-Test running");
        expect(await phases()).toEqual(["t running cut-2"]);
      },
    });
    const cleaned = await throughEveryDeath({
      prepare: async () => {
        await healthy.failOver(test, operation());
      },
      work: (recovery) => recovery.discard({ replica, failover: test.failover, epoch: 1 }, operation()),
      check: async () => {
        expect([await domains(), await left(), await phases()]).toEqual(["", "", []]);
      },
    });
    expect(Math.min(started, cleaned)).toBeGreaterThan(3);
    expect((await healthy.points(replica, operation())).map(({ id }) => id)).toEqual(["cut-1", "cut-2", "cut-3"]);
  });

  it("comes to the same end when the worker of a failover, of another point and of the commit died at any call", async () => {
    // Each failover, and each undoing of one, has an epoch of its own.
    let real = base;
    await throughEveryDeath({
      prepare: async () => {
        await healthy.discard({ replica, failover: real.failover, epoch: real.epoch + 1 }, operation());
        real = { ...real, epoch: real.epoch + 2 };
      },
      work: (recovery) => recovery.failOver(real, operation()),
      check: async () => {
        expect([await domains(), await phases()]).toEqual(["app1 running", ["fo running cut-2"]]);
        await expect(healthy.open({ replica, epoch: 1, peerSite: "paris" }, never)).rejects.toMatchObject({
          code: "STALE_EPOCH",
        });
      },
    });
    await throughEveryDeath({
      prepare: async () => {
        await healthy.changePoint(real, operation());
      },
      work: (recovery) =>
        recovery.changePoint({ ...real, failover: failoverId("fo2"), point: cutId("cut-1") }, operation()),
      check: async () => {
        expect([await domains(), await phases()]).toEqual(["app1 running", ["fo2 running cut-1"]]);
        expect(await left()).toMatch(/^\S+\/fo2$/);
      },
    });
    await throughEveryDeath({
      work: (recovery) => recovery.commit({ replica, failover: failoverId("fo2") }, operation()),
      check: async () => {
        expect([await domains(), await phases()]).toEqual(["app1 running", ["fo2 committed cut-1"]]);
        expect((await healthy.points(replica, operation())).map(({ id }) => id)).toEqual(["cut-1"]);
      },
    });
    await throughEveryDeath({
      work: (recovery) => recovery.deleteReplica(replica, operation()),
      check: async () => {
        expect(await domains()).toBe("app1 running");
        await expect(healthy.points(replica, operation())).rejects.toMatchObject({ code: "REPLICA_NOT_FOUND" });
        const { stdout } = await target.host.run(
          'qemu-img info -U "$1"/machines/*/fo2/vda.qcow2 | grep -c backing || :',
          [target.host.store],
        );
        expect(stdout.trim()).toBe("0");
      },
    });
  });

  it("comes to the same end when the worker that makes an old primary the replica died at any call", async () => {
    await throughEveryDeath({
      prepare: async () => void (await shutOffAt(oldPrimary.content)),
      work: (recovery) => recovery.createReplica(adopting(), operation()),
      check: async () => {
        expect(await domains()).toBe("");
        await using receiving = await healthy.open({ replica, epoch: 3, peerSite: "paris" }, never);
        expect(await receiving.state(never)).toMatchObject({
          lastCut: "cut-3",
          epoch: 3,
          disks: [{ id: "vda", sizeBytes: sizes.vda }],
        });
        const { stdout } = await target.host.run(
          'qemu-io -r -c "read -P 7 1M 64k" "$1"/replicas/*/disks/vda/*.qcow2; ls "$2"',
          [target.host.store, target.host.images],
        );
        expect(stdout).toMatch(/^read 65536\/65536/);
        expect(stdout).not.toMatch(/vda\.qcow2/);
      },
    });
  });

  it.each([
    ["was written to", 'qemu-io -c "write -P 8 2M 64k" "$1"'],
    // QEMU killed before it could store what it had written: the record stays in use.
    ["was written to by a QEMU that was killed", 'qemu-io -c "write -P 8 2M 64k" -c "sigraise 9" "$1" || :'],
    [
      "was given a new record of the same name",
      'name=$(qemu-img info -U "$1" | sed -n "s/^ *name: //p"); qemu-img bitmap --remove "$1" "$name"; qemu-img bitmap --add --disable "$1" "$name"',
    ],
    ["was put in the place of another", 'qemu-img create -q -f qcow2 "$1" 4M'],
  ])("does not take an old primary's disk for the cut it was when it %s since", async (_, script) => {
    const image = await shutOffAt(oldPrimary.content);
    await target.host.run(script, [image]);
    await healthy.createReplica(adopting(), operation());
    await claimsNoCut();
  });

  it("looks at the disks when the machine cannot be started any more, whatever was so when the order was given", async () => {
    const image = await shutOffAt(oldPrimary.content);
    const { connection } = target;
    let ordered = false;
    // The worker dies when the order is written down, and the machine runs for a moment before the next one goes on.
    const dying: HostConnection = {
      ...connection,
      virsh: async (commands, options) => {
        if (ordered) throw new WorkerDied();
        return await connection.virsh(commands, options);
      },
      run: async (script, args, options) => {
        const done = await connection.run(script, args, options);
        ordered ||= options.purpose.startsWith("record that machine");
        return done;
      },
    };
    await expect(targetOn(dying, target.host).createReplica(adopting(), operation())).rejects.toThrow(WorkerDied);
    expect(ordered).toBe(true);
    await target.host.run('qemu-io -c "write -P 8 2M 64k" "$1"', [image]);
    await healthy.createReplica(adopting(), operation());
    await claimsNoCut();
  });

  it("is refused where it would hurt a machine of somebody else, or one that runs", async () => {
    const image = `${target.host.images}/other.qcow2`;
    await target.host.run(
      'qemu-img create -q -f qcow2 "$1" 4M && cat >/run/app1.xml && virsh -q define /run/app1.xml && virsh -q start app1',
      [image],
      { stdin: definition(image) },
    );
    await expect(healthy.failOver(base, operation())).rejects.toMatchObject({
      code: "OPERATION_NOT_ALLOWED",
      message: expect.stringContaining(`already has a machine app1 (${uuid}), which is not of replica`) as string,
    });
    expect(await domains()).toBe("app1 running");
    const checks = await healthy.checks(spec({ sizes }), operation());
    expect(checks.filter(({ passed }) => !passed).map(({ name }) => name)).toEqual([
      "The machine's name and UUID at the target",
    ]);
    await expect(
      healthy.createReplica({ ...spec({ sizes }), epoch: 3, adopt: { machine: machineId(uuid) } }, operation()),
    ).rejects.toMatchObject({ code: "OPERATION_NOT_ALLOWED" });
    // Nothing was begun: the sender is not shut out.
    expect(await phases()).toEqual([]);
    await (await healthy.open({ replica, epoch: 1, peerSite: "paris" }, never))[Symbol.asyncDispose]();
    expect(await domains()).toBe("app1 running");
  });
});

import { afterEach, beforeEach, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { replicaId } from "#domain/ids.ts";
import type { HostConnection } from "#platforms/libvirt/host.ts";
import { openStore, type ReplicaStore } from "#platforms/libvirt/target/host-store.ts";
import { createLibvirtTarget } from "#platforms/libvirt/target/target.ts";
import type { StoredActivation } from "#platforms/libvirt/target/stored-replica.ts";
import { operation } from "#test/support/operation.ts";
import { storedActivation, storedReplica } from "#test/support/stored-replica.ts";
import { temporaryDir } from "#test/support/temporary-dir.ts";
import { shellHost } from "../source/shell-host.ts";

const replica = replicaId("app1@lyon");
const activation = storedActivation({ phase: "running" });
const { failover } = activation;
let dir: ReturnType<typeof temporaryDir>;
let store: ReplicaStore;
let target: ReturnType<typeof createLibvirtTarget>;
/** What another worker does while the machine's disks are removed. */
let meanwhile: () => Promise<void>;

beforeEach(async () => {
  dir = temporaryDir();
  meanwhile = () => Promise.resolve();
  const shell = await shellHost(dir.path, {});
  const connection: HostConnection = {
    ...shell,
    async run(script, args, options) {
      if (options.purpose.startsWith("remove the disks")) await meanwhile();
      try {
        return await shell.run(script, args, options);
      } catch (error) {
        const { code, stderr } = error as { readonly code: number; readonly stderr: string };
        throw new Fault("COMMAND_FAILED", stderr, { details: { exitCode: code } });
      }
    },
    virsh: () => Promise.reject(new Fault("MACHINE_NOT_FOUND", "no such machine")),
  };
  store = openStore({ host: connection, store: dir.path, replica });
  const state = storedReplica({ replica, epoch: 2, activations: [activation] });
  await store.create({ state }, { purpose: "make a replica", signal: operation().signal });
  target = createLibvirtTarget(connection, { store: dir.path });
});
afterEach(() => {
  dir[Symbol.dispose]();
});

const become = async (epoch: number, activations: readonly StoredActivation[]) => {
  await store.read(operation().signal);
  const options = { purpose: "do another's work", signal: operation().signal };
  await store.change((state) => ({ state: { ...state, epoch, activations } }), options);
};
const discard = (epoch: number) => target.discard({ replica, failover, epoch }, operation());

it("forgets the failover that was undone, and sees the epoch it was undone under", async () => {
  await discard(3);
  expect(await store.read(operation().signal)).toMatchObject({ epoch: 3, activations: [] });
});

it("is refused half-way when a newer failover has taken place meanwhile, and leaves what that wrote", async () => {
  const newer = { ...activation, epoch: 5 };
  meanwhile = () => become(5, [newer]);
  await expect(discard(3)).rejects.toMatchObject({ code: "STALE_EPOCH" });
  expect(await store.read(operation().signal)).toMatchObject({ epoch: 5, activations: [newer] });
});

it("forgets only what it has taken away, not what has the same name by then", async () => {
  const anew = { ...activation, phase: "preparing" } as const;
  meanwhile = () => become(3, [anew]);
  await discard(3);
  expect(await store.read(operation().signal)).toMatchObject({ epoch: 3, activations: [anew] });
});

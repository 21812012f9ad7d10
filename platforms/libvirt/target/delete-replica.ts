import { setTimeout as delay } from "node:timers/promises";
import { Fault, isFault } from "#domain/fault.ts";
import type { Operation } from "#platforms/platform.ts";
import { forgetFence } from "../source/fence.ts";
import { interruptMerge, type ActivationPlace } from "./activate.ts";
import { entries } from "./chain.ts";
import { discard } from "./discard.ts";
import { findDomain } from "./domains.ts";
import { readImage } from "./images.ts";
import { endDaemons } from "./storage-daemons.ts";
import type { StoredActivation, StoredReplica } from "./stored-replica.ts";

const day = 86_400_000;
const pollMs = 500;

/**
 * Deletes the replica. A committed machine first gets all its blocks into the disks it writes to, while it runs, so that nothing of the replica is needed any more.
 * Test machines are cleaned up. An uncommitted failover refuses with `OPERATION_NOT_ALLOWED`. Idempotent.
 */
export const deleteReplica = async (place: ActivationPlace, op: Operation): Promise<void> => {
  const { store, connection } = place;
  const before = await store.find(op.signal);
  if (before === undefined) return;
  const uncommitted = before.activations.find(({ kind, phase }) => kind !== "test" && phase !== "committed");
  if (uncommitted !== undefined)
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Replica ${before.replica} has the uncommitted failover ${uncommitted.failover} (${uncommitted.machineName}): commit or cancel it first.`,
    );
  for (const test of before.activations.filter(({ kind }) => kind === "test"))
    await discard(place, { failover: test.failover, epoch: before.epoch }, op);
  await interruptMerge(place, op.signal);
  const state = await store.change(
    (current) => {
      const other = current.activations.find(({ phase }) => phase !== "committed");
      if (other !== undefined)
        throw new Fault(
          "OPERATION_NOT_ALLOWED",
          `Replica ${current.replica} was failed over meanwhile (${other.failover}).`,
        );
      const { opener: _opener, ...closed } = current;
      return current.deleting === true ? undefined : { state: { ...closed, deleting: true } };
    },
    { purpose: `begin to delete replica ${before.replica}`, signal: op.signal, exclusive: true },
  );
  await endDaemons({ host: connection, layout: store.layout, replica: state.replica }, op.signal);
  for (const activation of state.activations) await standAlone(place, activation, op);
  await forgetOldPrimary(place, state, op);
  // The state goes last: what is left half-way is deleted by the next call. Adopted disks that had to stay in their file system are links.
  await connection.run(
    `set -eu
for layer in "$1"/disks/*/*.qcow2; do if [ -L "$layer" ]; then rm -f "$(readlink "$layer")"; fi; done
rm -rf "$1/disks" "$1/points"
rmdir "$2" 2>/dev/null || :
rm -rf "$1"`,
    [store.layout.root, store.layout.activations],
    { purpose: `delete replica ${state.replica}`, timeoutMs: 600_000, signal: op.signal },
  );
};

/** With the disks that the replica was made of goes what else was left of that machine here: its fence, and its firmware's variables where no other machine has taken their name. */
const forgetOldPrimary = async (
  { connection, folder }: ActivationPlace,
  { adopted, home, activations }: StoredReplica,
  op: Operation,
): Promise<void> => {
  if (adopted === undefined || activations.length > 0) return;
  const there = await Promise.all(
    [adopted, home?.name ?? adopted].map((name) => findDomain(connection, name, op.signal)),
  );
  if (there.some((domain) => domain !== undefined)) return;
  await forgetFence({ host: connection, store: folder }, adopted, op.signal);
  if (home?.nvram === undefined) return;
  await connection.run('rm -f "$1"', [home.nvram], {
    purpose: "remove the old primary's firmware variables",
    timeoutMs: 15_000,
    signal: op.signal,
  });
};

/** Copies what each disk of the machine still reads from the replica into the disk itself. */
const standAlone = async (
  { connection }: ActivationPlace,
  activation: StoredActivation,
  op: Operation,
): Promise<void> => {
  for (const [disk, { file }] of entries(activation.overlays)) {
    const image = await readImage(connection, file, op.signal, { missing: "empty" });
    if (image.backing === undefined) continue;
    op.progress({ step: `Giving ${activation.machineName} disk ${disk} of its own` });
    const domain = await findDomain(connection, activation.machine, op.signal);
    if (domain?.running === true) await pull({ connection, machine: activation.machine, disk }, op);
    else
      await connection.run('qemu-img rebase -q -f qcow2 -b "" "$1" && sync "$1"', [file], {
        purpose: `make ${file} independent of the replica`,
        timeoutMs: day,
        lasting: "copy",
        signal: op.signal,
      });
    const after = await readImage(connection, file, op.signal);
    if (after.backing !== undefined)
      throw new Fault(
        "REPLICA_BUSY",
        `Disk ${disk} of machine ${activation.machineName} still needs ${after.backing}: the replica stays until that is copied. It is tried again.`,
      );
  }
};

const pull = async (
  {
    connection,
    machine,
    disk,
  }: { readonly connection: ActivationPlace["connection"]; readonly machine: string; readonly disk: string },
  op: Operation,
): Promise<void> => {
  const bounds = { purpose: `copy what disk ${disk} reads from the replica`, timeoutMs: 60_000, signal: op.signal };
  try {
    await connection.virsh([["blockpull", machine, disk]], bounds);
  } catch (error) {
    // One that an earlier attempt started goes on.
    if (!(isFault(error) && /already in (use|active)|block job.*(active|running|in use)/i.test(error.message)))
      throw error;
  }
  for (;;) {
    const [info = ""] = await connection.virsh([["blockjob", machine, disk, "--raw"]], bounds);
    if (!/type=/.test(info)) return;
    const done = Number(/cur=(\d+)/.exec(info)?.[1] ?? 0);
    const total = Number(/end=(\d+)/.exec(info)?.[1] ?? 0);
    op.progress({ bytesDone: done, bytesTotal: total });
    await delay(pollMs, undefined, { signal: op.signal });
  }
};

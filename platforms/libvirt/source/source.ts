import type { ReplicationSource } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { checkSource } from "./checks.ts";
import { fenceMachine, keepFenced, keepOn, takeFenceBack, unfenceMachine } from "./fence.ts";
import { giveAutostartBack, holdAutostart, startHeld } from "./held-autostart.ts";
import { powerOnMachine, shutDownMachine } from "./machine-power.ts";
import { openCutDisk } from "./open-disk.ts";
import { endCutsOf, release, stopTracking } from "./release.ts";
import type { SourcePlace } from "./place.ts";
import { stillAt } from "./still-at.ts";
import { findStandingCut, takeCut } from "./take-cut.ts";

/** Machines of one libvirt host as replication sources: QEMU's dirty bitmaps tell what changed, its copy-before-write filter holds the instant. */
export const createLibvirtSource = (
  host: HostConnection,
  options: {
    /** The folder on the host for scratch space. */
    readonly store: string;
  },
): ReplicationSource => {
  const place: SourcePlace = { host, store: options.store, lastVariables: new Map() };
  return {
    checks: (tracked, op) => checkSource(place, tracked, op.signal),
    cut: (request, op) => takeCut(place, request, op.signal),
    stillAt: (request, op) => stillAt(place, request, op.signal),
    standingCut: (tracked, op) => findStandingCut(place, tracked, op.signal),
    openDisk: (request, op) => openCutDisk(place, request, op.signal),
    release: ({ tracked, keep }, op) => release(place, { tracked, keep }, op.signal),
    stopTracking: (tracked, op) => stopTracking(place, tracked, op.signal),
    shutDown: (request, op) => shutDownMachine(host, request, op.signal),
    async powerOn(machine, op) {
      // What is served is no cut any more once the machine writes.
      await endCutsOf(place, machine, op.signal);
      await unfenceMachine(place, machine, op.signal);
      await powerOnMachine(host, machine, op.signal);
    },
    keepOn: (machine, op) => keepOn(place, machine, op.signal),
    holdAutostart: (request, op) => holdAutostart(place, request, op.signal),
    startHeld: (request, op) => startHeld(place, request, op.signal),
    giveAutostartBack: (machine, op) => giveAutostartBack(place, machine, op.signal),
    fence: (request, op) => fenceMachine(place, { ...request, order: op.id }, op.signal),
    keepFenced: (request, op) => keepFenced(place, request, op.signal),
    unfence: (machine, op) =>
      takeFenceBack(place, machine, {
        signal: op.signal,
        async start() {
          await endCutsOf(place, machine, op.signal);
          await powerOnMachine(host, machine, op.signal);
        },
      }),
  };
};

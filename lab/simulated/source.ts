import type { ReplicationSource } from "#platforms/platform.ts";
import { checkSource } from "./source-checks.ts";
import { openCutSource } from "./cut-source.ts";
import { releaseCut, standingCut, stillAt, stopTracking, takeCut } from "./cut.ts";
import { giveAutostartBack, holdAutostart, startHeld } from "./held-autostart.ts";
import type { SimulatedHost } from "./host.ts";
import { openableDisk } from "./openable-disk.ts";
import { fence, keepFenced, keepOn, powerOn, shutDown, unfence } from "./power.ts";

/** The source role: every call goes through the fault rules under `source.<call>`. */
export function simulatedSource(host: SimulatedHost): ReplicationSource {
  const { faults } = host;
  return {
    checks: (tracked, op) => faults("source.checks", op.signal, () => checkSource(host, tracked)),
    cut: (request, op) => faults("source.cut", op.signal, () => takeCut(host, request)),
    standingCut: (tracked, op) => faults("source.standingCut", op.signal, () => standingCut(host, tracked)),
    stillAt: (request, op) => faults("source.stillAt", op.signal, () => stillAt(host, request)),
    openDisk: (request, op) =>
      faults("source.openDisk", op.signal, () => openCutSource({ ...host, ...openableDisk(host, request) })),
    release: (request, op) => faults("source.release", op.signal, () => releaseCut(host, request)),
    stopTracking: (tracked, op) => faults("source.stopTracking", op.signal, () => stopTracking(host, tracked)),
    shutDown: (request, op) => faults("source.shutDown", op.signal, () => shutDown(host, request, op.signal)),
    powerOn: (machine, op) => faults("source.powerOn", op.signal, () => powerOn(host, machine)),
    keepOn: (machine, op) => faults("source.keepOn", op.signal, () => keepOn(host, machine)),
    holdAutostart: (request, op) => faults("source.holdAutostart", op.signal, () => holdAutostart(host, request)),
    startHeld: (request, op) => faults("source.startHeld", op.signal, () => startHeld(host, request)),
    giveAutostartBack: (machine, op) =>
      faults("source.giveAutostartBack", op.signal, () => giveAutostartBack(host, machine)),
    unfence: (machine, op) => faults("source.unfence", op.signal, () => unfence(host, machine)),
    fence: (request, op) => faults("source.fence", op.signal, () => fence(host, { ...request, order: op.id })),
    keepFenced: (request, op) => faults("source.keepFenced", op.signal, () => keepFenced(host, request)),
  };
}

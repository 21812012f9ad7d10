import type { Check } from "#domain/check.ts";
import type { RecoveryTarget, ReplicaSpec } from "#platforms/platform.ts";
import { failOver } from "./activate.ts";
import { changePoint, commit, deleteReplica, discard } from "./after-failover.ts";
import { createReplica } from "./create-replica.ts";
import type { SimulatedHost } from "./host.ts";
import { passed, upHost } from "./host.ts";
import { openReceiving } from "./receiving.ts";
import { allMachines } from "./records.ts";
import { pointsOf, replicaOf } from "./replica-record.ts";
import { verifyPoint } from "./verify-point.ts";

/** The target role: every call goes through the fault rules under `target.<call>`. */
export function simulatedTarget(host: SimulatedHost): RecoveryTarget {
  const { faults, store } = host;
  return {
    checks: (spec, op) => faults("target.checks", op.signal, () => checkTarget(host, spec)),
    createReplica: (spec, op) => faults("target.createReplica", op.signal, () => createReplica(host, spec)),
    open: (request, signal) => faults("target.open", signal, () => openReceiving(host, request)),
    points: (replica, op) =>
      faults("target.points", op.signal, () => store.transact((state) => pointsOf(replicaOf(host, state, replica)))),
    verify: (request, op) => faults("target.verify", op.signal, () => verifyPoint(host, request)),
    failOver: (request, op) => faults("target.failOver", op.signal, () => failOver(host, request)),
    commit: (request, op) => faults("target.commit", op.signal, () => commit(host, request)),
    changePoint: (request, op) => faults("target.changePoint", op.signal, () => changePoint(host, request)),
    discard: (request, op) => faults("target.discard", op.signal, () => discard(host, request)),
    deleteReplica: (replica, op) => faults("target.deleteReplica", op.signal, () => deleteReplica(host, replica)),
  };
}

function checkTarget(host: SimulatedHost, spec: ReplicaSpec): readonly Check[] {
  return host.store.transact((state): readonly Check[] => {
    const { networks } = upHost(state, host.site);
    const namesake = state
      .list(allMachines)
      .find(({ machine }) => machine.name === spec.machine.name && machine.id !== spec.machine.id);
    const name = "The machine's name is free at the recovery site";
    return [
      passed("The recovery host answers", `Simulated host of ${host.site} with networks ${networks.join(", ")}.`),
      namesake === undefined
        ? passed(name, `No other machine is called ${spec.machine.name}.`)
        : {
            name,
            passed: false,
            code: "PREREQUISITES_FAILED",
            detail: `Another machine (${namesake.machine.id}) is called ${spec.machine.name} at ${host.site}.`,
            action: "Rename one of the two.",
          },
    ];
  });
}

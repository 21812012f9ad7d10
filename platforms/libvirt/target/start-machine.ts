import { Fault } from "#domain/fault.ts";
import type { Operation } from "#platforms/platform.ts";
import type { HostConnection } from "../host.ts";
import { unfenceMachine } from "../source/fence.ts";
import type { ActivationPlace } from "./activate.ts";
import { findDomain } from "./domains.ts";
import type { StoredActivation } from "./stored-replica.ts";

/** Starts an activated machine, and lets the host start it by itself if its other one did. Done twice it changes nothing. Rejects with `POWER_ON_FAILED`. */
export const startMachine = async (
  { connection, folder }: ActivationPlace,
  activation: StoredActivation,
  op: Operation,
): Promise<void> => {
  const { machine, machineName, autostart } = activation;
  // A machine that comes home was fenced there while another ran.
  if (activation.kind !== "test") await unfenceMachine({ host: connection, store: folder }, machine, op.signal);
  await powerOn(connection, activation, op.signal);
  // Not before it has begun: a host that starts anew must not run what is still being made.
  if (autostart !== undefined)
    await connection.virsh([["autostart", machine, ...(autostart ? [] : ["--disable"])]], {
      purpose: `let the host start ${machineName} by itself, or not, as at its other site`,
      timeoutMs: 15_000,
      signal: op.signal,
    });
};

const powerOn = async (
  connection: HostConnection,
  { machine, machineName }: StoredActivation,
  signal: AbortSignal,
): Promise<void> => {
  if ((await findDomain(connection, machine, signal))?.running === true) return;
  try {
    await connection.virsh([["start", machine]], {
      purpose: `start machine ${machineName}`,
      timeoutMs: 120_000,
      signal,
    });
  } catch (cause) {
    if ((await findDomain(connection, machine, signal))?.running === true) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Fault(
      "POWER_ON_FAILED",
      `Machine ${machineName} could not be started on host ${connection.name}. ${reason}`,
      { cause, details: { host: connection.name, machine } },
    );
  }
};

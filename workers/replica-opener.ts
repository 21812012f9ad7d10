import { Fault, isFault } from "#domain/fault.ts";
import type { HostName, ReplicaId } from "#domain/ids.ts";
import type { Replica, ReplicaOpener } from "#transfer/replica.ts";
import type { KeptHosts } from "#workers/kept-hosts.ts";
import { untilSuperseded } from "#workers/superseded-replica.ts";

/**
 * Finds the replica that a sender asks for on one of the site's hosts. Where it was found last is asked first; a host that does not answer does not hide one that
 * does, but when the replica is on no other it is the host's fault that is told.
 */
export function replicaOpener(hosts: KeptHosts): ReplicaOpener {
  const places = new Map<ReplicaId, HostName>();
  return {
    async open(request, signal) {
      const last = places.get(request.replica);
      const names = hosts.names();
      const inOrder = last === undefined ? names : [last, ...names.filter((name) => name !== last)];
      let trouble: Error | undefined;
      for (const name of inOrder) {
        try {
          const replica = await openAt(hosts, { name, request, signal });
          if (replica === undefined) continue;
          places.set(request.replica, name);
          return replica;
        } catch (error) {
          if (!isFault(error) || error.code !== "REPLICA_NOT_FOUND") trouble ??= asError(error);
          // Any other word than "not here" of the host that has it is the answer.
          if (name === last && trouble !== undefined) throw trouble;
        }
      }
      throw (
        trouble ??
        new Fault("REPLICA_NOT_FOUND", `No host of this site (${names.join(", ")}) has the replica ${request.replica}.`)
      );
    },
  };
}

async function openAt(
  hosts: KeptHosts,
  at: { readonly name: HostName; readonly request: Parameters<ReplicaOpener["open"]>[0]; readonly signal: AbortSignal },
): Promise<Replica | undefined> {
  const held = await hosts.hold(at.name);
  const replica = await held.platform.target?.open(at.request, at.signal);
  return replica && untilSuperseded(replica, held);
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

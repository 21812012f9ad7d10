import type { OpenHost } from "#activities/hosts.ts";
import { targetOf } from "#activities/hosts.ts";
import { asOperation } from "#activities/operation.ts";
import type { Check } from "#domain/check.ts";
import type { ListedPoint } from "#domain/cut.ts";
import type { CutId, FailoverId, HostName, ReplicaId } from "#domain/ids.ts";
import type { Activation, FailoverRequest, ReplicaSpec, Verification } from "#platforms/platform.ts";

type OnHost<Request> = Request & { readonly host: HostName };

/** What is done to a replica where it is kept. Each rejects with the Faults of `RecoveryTarget`. */
export interface TargetActivities {
  checkTarget(request: OnHost<{ readonly spec: ReplicaSpec }>): Promise<readonly Check[]>;
  createReplica(request: OnHost<{ readonly spec: ReplicaSpec }>): Promise<void>;
  listPoints(request: OnHost<{ readonly replica: ReplicaId }>): Promise<readonly ListedPoint[]>;
  /** Reads a point again, block by block; minutes for a large one. */
  verifyPoint(request: OnHost<{ readonly replica: ReplicaId; readonly point: CutId }>): Promise<Verification>;
  failOver(request: OnHost<{ readonly failover: FailoverRequest }>): Promise<Activation>;
  changePoint(request: OnHost<{ readonly failover: FailoverRequest }>): Promise<Activation>;
  commitFailover(request: OnHost<{ readonly replica: ReplicaId; readonly failover: FailoverId }>): Promise<void>;
  discardFailover(
    request: OnHost<{ readonly replica: ReplicaId; readonly failover: FailoverId; readonly epoch: number }>,
  ): Promise<void>;
  deleteReplica(request: OnHost<{ readonly replica: ReplicaId }>): Promise<void>;
}

export const createTargetActivities = (openHost: OpenHost): TargetActivities => ({
  checkTarget: ({ host, spec }) => asOperation(async (op) => (await targetOf(openHost, host)).checks(spec, op)),
  createReplica: ({ host, spec }) =>
    asOperation(async (op) => (await targetOf(openHost, host)).createReplica(spec, op)),
  listPoints: ({ host, replica }) =>
    asOperation(async (op) => {
      const points = await (await targetOf(openHost, host)).points(replica, op);
      return points.map(({ definition: _stays, ...point }) => point);
    }),
  verifyPoint: ({ host, ...request }) =>
    asOperation(async (op) => (await targetOf(openHost, host)).verify(request, op)),
  failOver: ({ host, failover }) => asOperation(async (op) => (await targetOf(openHost, host)).failOver(failover, op)),
  changePoint: ({ host, failover }) =>
    asOperation(async (op) => (await targetOf(openHost, host)).changePoint(failover, op)),
  commitFailover: ({ host, ...request }) =>
    asOperation(async (op) => (await targetOf(openHost, host)).commit(request, op)),
  discardFailover: ({ host, ...request }) =>
    asOperation(async (op) => (await targetOf(openHost, host)).discard(request, op)),
  deleteReplica: ({ host, replica }) =>
    asOperation(async (op) => (await targetOf(openHost, host)).deleteReplica(replica, op)),
});

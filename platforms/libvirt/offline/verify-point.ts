import type { CutId, ReplicaId } from "#domain/ids.ts";
import type { Operation } from "#platforms/platform.ts";
import { openStore } from "../target/host-store.ts";
import { verifyPoint, type PointVerification } from "../target/verify.ts";
import { localHost } from "./local-host.ts";

/** Reads a point of a local store again and compares its digests; needs QEMU's storage daemon, and neither worker nor Temporal. */
export const verifyPointOffline = (
  request: { readonly store: string; readonly replica: ReplicaId; readonly point: CutId },
  op: Operation,
): Promise<PointVerification> =>
  verifyPoint(openStore({ host: localHost(), store: request.store, replica: request.replica }), request.point, op);

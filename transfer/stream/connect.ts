import { createKeyedDigest, digestAlgorithms } from "../digest/keyed.ts";
import type { ConnectReplica } from "../session.ts";
import { hello, protocolVersions } from "./messages.ts";
import { openChannel } from "./open-channel.ts";
import { StreamSession } from "./session.ts";
import type { StreamTuning } from "./tuning.ts";

const tuned = { checkpointBytes: 256 * 1024 * 1024 } as const;

/** Opens a session with a replica at another site over mutual TLS 1.3; the faults are those of `ConnectReplica`. */
export const connectReplica: ConnectReplica = (request, signal) => connectTuned(request, { ...tuned, signal });

export async function connectTuned(
  request: Parameters<ConnectReplica>[0],
  { signal, ...tuning }: StreamTuning & { readonly signal: AbortSignal },
): ReturnType<ConnectReplica> {
  const { replica, epoch } = request;
  const greeting = hello({ versions: protocolVersions, digests: digestAlgorithms, replica, epoch });
  const { channel, welcome, roundTripMs } = await openChannel({ peer: request, greeting }, signal);
  const digest = createKeyedDigest(welcome.digest, Buffer.from(welcome.key, "base64"));
  return new StreamSession({ peer: request, control: channel, token: welcome.token, digest, tuning, roundTripMs });
}

import { randomBytes } from "node:crypto";
import { Fault } from "#domain/fault.ts";
import { createKeyedDigest, digestAlgorithms, digestKeyBytes } from "../digest/keyed.ts";
import type { ReplicaOpener } from "../replica.ts";
import type { FrameChannel } from "./channel.ts";
import { frameType } from "./frame.ts";
import { protocolVersions, type Hello, type Welcome } from "./messages.ts";
import { ServerSession } from "./server-session.ts";

/** The standing sessions, one a replica. A newer greeting for the same replica ends the one before, unless its epoch is older. */
export class Sessions {
  readonly #opener: ReplicaOpener;
  readonly #byReplica = new Map<string, ServerSession>();
  readonly #byToken = new Map<string, ServerSession>();
  /** Openings of one replica run one after the other. */
  readonly #opening = new Map<string, Promise<unknown>>();
  #closing: Fault | undefined;

  constructor(opener: ReplicaOpener) {
    this.#opener = opener;
  }

  /** Opens the replica for the site the certificate names, and makes the connection the new session's control connection. */
  async open(request: {
    readonly channel: FrameChannel;
    readonly site: string;
    readonly greeting: Hello;
  }): Promise<void> {
    const replica = request.greeting.replica ?? "";
    const before = this.#opening.get(replica) ?? Promise.resolve();
    const opening = before.then(() => this.#open(request));
    const settled = opening.catch(() => undefined);
    this.#opening.set(replica, settled);
    try {
      await opening;
    } finally {
      if (this.#opening.get(replica) === settled) this.#opening.delete(replica);
    }
  }

  async #open(request: {
    readonly channel: FrameChannel;
    readonly site: string;
    readonly greeting: Hello;
  }): Promise<void> {
    const { channel, site, greeting } = request;
    const { replica, epoch } = greeting;
    if (replica === undefined || epoch === undefined)
      throw new Fault("PEER_INCOMPATIBLE", "The greeting names no replica.");
    const version = chooseVersion(greeting);
    const algorithm = digestAlgorithms.find((candidate) => greeting.digests.includes(candidate));
    if (algorithm === undefined)
      throw new Fault("PEER_INCOMPATIBLE", `No common digest: this site offers ${digestAlgorithms.join(" and ")}.`);
    if (this.#closing !== undefined) throw this.#closing;
    if (channel.failure !== undefined) throw channel.failure;
    await this.#endBefore({ replica, epoch, site });
    const ended = new AbortController();
    const watch = channel.onLost(() => ended.abort(channel.failure));
    const opened = await this.#opener.open({ replica, epoch, peerSite: site }, ended.signal);
    watch();
    const token = randomBytes(32).toString("base64url");
    const key = randomBytes(digestKeyBytes);
    const session = new ServerSession({
      control: channel,
      replica: opened,
      epoch,
      site,
      digest: createKeyedDigest(algorithm, key),
      welcome: { version, token, digest: algorithm, key: key.toString("base64") } satisfies Welcome,
      onEnded: () => {
        this.#byToken.delete(token);
        if (this.#byReplica.get(replica) === session) this.#byReplica.delete(replica);
      },
    });
    this.#byToken.set(token, session);
    this.#byReplica.set(replica, session);
    session.start();
  }

  /** One more connection of a standing session. */
  join(request: {
    readonly channel: FrameChannel;
    readonly site: string;
    readonly token: string;
    readonly greeting: Hello;
  }): void {
    const session = this.#byToken.get(request.token);
    if (session === undefined || session.site !== request.site) {
      throw new Fault("CONNECTION_LOST", "The session this connection belongs to has ended. Open a new one.");
    }
    const version = chooseVersion(request.greeting);
    request.channel.sendJson(frameType.welcome, { ...session.welcome, version }).catch(() => undefined);
    session.addConnection(request.channel);
  }

  async end(fault: Fault): Promise<void> {
    this.#closing = fault;
    await Promise.all([...this.#opening.values()]);
    await Promise.all([...this.#byReplica.values()].map((session) => session.end(fault)));
  }

  async #endBefore(request: {
    readonly replica: string;
    readonly epoch: number;
    readonly site: string;
  }): Promise<void> {
    const before = this.#byReplica.get(request.replica);
    if (before === undefined) return;
    if (request.epoch < before.epoch) {
      throw new Fault(
        "STALE_EPOCH",
        `Replica "${request.replica}" is being fed under ownership epoch ${before.epoch}; a sender of epoch ${request.epoch} is refused.`,
        {
          details: { epoch: before.epoch, refused: request.epoch },
        },
      );
    }
    const reason =
      request.epoch > before.epoch
        ? new Fault(
            "STALE_EPOCH",
            `Ownership epoch ${request.epoch} has begun; the session of epoch ${before.epoch} was ended.`,
          )
        : new Fault("REPLICA_BUSY", "A newer session of the same ownership epoch took this replica over.");
    await before.end(reason);
  }
}

function chooseVersion(greeting: Hello): number {
  const version = protocolVersions.find((candidate) => greeting.versions.includes(candidate));
  if (version !== undefined) return version;
  throw new Fault(
    "PEER_INCOMPATIBLE",
    `This site speaks version ${protocolVersions.join(", ")} of the stream and the other ${greeting.versions.join(", ")}. Bring both sites to the same version of Understudy.`,
  );
}

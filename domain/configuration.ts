import type { DiskId, HostName, ItemName, SiteName } from "#domain/ids.ts";
import type { ReplicationPolicy } from "#domain/policy.ts";

/** The user's YAML, validated and completed with defaults by `config/`. Holds no secret: only where a worker finds it. */
export interface Configuration {
  readonly sites: Readonly<Record<SiteName, Site>>;
  readonly policies: Readonly<Record<string, ReplicationPolicy>>;
  readonly networkMappings: readonly NetworkMapping[];
  readonly items: Readonly<Record<ItemName, ItemConfiguration>>;
}

export interface Site {
  readonly name: SiteName;
  /** Where other sites' workers reach this site's replica stream. */
  readonly stream: { readonly address: string; readonly port: number };
  readonly hosts: Readonly<Record<HostName, Host>>;
}

export interface Host {
  readonly name: HostName;
  /** Which platform adapter serves it: `libvirt`. */
  readonly kind: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** The pinned host key, as in known_hosts: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** A file at the site's worker; or the worker's SSH agent. */
  readonly identityFile?: string;
  readonly jumpHost?: {
    readonly address: string;
    readonly port: number;
    readonly user: string;
    readonly hostKey: string;
    readonly identityFile?: string;
  };
  /** The folder on the host that replicas and scratch space live in. */
  readonly store: string;
}

export interface NetworkMapping {
  readonly from: { readonly site: SiteName; readonly network: string };
  readonly to: { readonly site: SiteName; readonly network: string };
}

export interface ItemConfiguration {
  readonly name: ItemName;
  /** The machine's name or id at the primary. */
  readonly machine: string;
  readonly primary: { readonly site: SiteName; readonly host: HostName };
  readonly secondary: { readonly site: SiteName; readonly host: HostName };
  readonly policy: string;
  readonly excludeDisks: readonly DiskId[];
  /** How long a planned failover waits for the guest to shut down. */
  readonly shutdownGraceSeconds: number;
  /**
   * Who starts a machine that its host starts by itself (autostart), after a restart of the host: the host itself; or, while the machine is protected, Understudy, which
   * knows whether it still lives there. Absent (applied before there was such): the host.
   */
  readonly autostart?: "host" | "understudy";
}

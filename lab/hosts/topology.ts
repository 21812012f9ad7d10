import { Fault } from "#domain/fault.ts";

/** What a lab is to look like. */
export interface LabShape {
  /** 1 to 6 of a–z and 0–9, starting with a letter: part of every interface's and namespace's name (Linux allows 15 letters for those). */
  readonly id: string;
  /** Hosts by name. A host belongs to the site its name starts with: `paris1` and `paris2` stand at `paris`. */
  readonly hosts: readonly string[];
  /** An IPv4 /24, such as `10.78.0.0/24`. */
  readonly subnet: string;
}

export interface SitePlan {
  readonly name: string;
  /** The site's switch, in the machine's own network namespace. */
  readonly bridge: string;
  /** The line to the other sites and to Temporal: its end at the core and its end at the site. */
  readonly uplink: { readonly core: string; readonly site: string };
  /** Where the site's worker runs. */
  readonly namespace: string;
  readonly port: string;
  readonly address: string;
}

export interface HostPlan {
  readonly name: string;
  readonly site: string;
  readonly namespace: string;
  /** The host's port on its site's switch. */
  readonly port: string;
  readonly address: string;
}

/** Every name and address of a lab, computed from its shape alone, so that a later process finds what an earlier one made. */
export interface Topology {
  readonly id: string;
  readonly subnet: string;
  readonly prefix: number;
  /** The bridge all sites hang on; `address` is the machine's own end of it, where Temporal listens. */
  readonly core: { readonly bridge: string; readonly address: string };
  readonly sites: readonly SitePlan[];
  readonly hosts: readonly HostPlan[];
}

const firstHost = 11;
const firstWorker = 21;
const most = 9;

/** Plans a lab: machine .1, hosts from .11, the sites' workers from .21; guests may use .100 to .199. Rejects with `INVALID_INPUT`. */
export const planTopology = (shape: LabShape): Topology => {
  checkShape(shape);
  const network = shape.subnet.replace(/\.0\/24$/, "");
  const siteNames = [...new Set(shape.hosts.map(siteOf))];
  const prefix = `us${shape.id}`;
  return {
    id: shape.id,
    subnet: shape.subnet,
    prefix: 24,
    core: { bridge: prefix, address: `${network}.1` },
    sites: siteNames.map((name, index) => ({
      name,
      bridge: `${prefix}s${index}`,
      uplink: { core: `${prefix}u${index}`, site: `${prefix}v${index}` },
      namespace: `us-${shape.id}-${name}-worker`,
      port: `${prefix}w${index}`,
      address: `${network}.${firstWorker + index}`,
    })),
    hosts: shape.hosts.map((name, index) => ({
      name,
      site: siteOf(name),
      namespace: `us-${shape.id}-${name}`,
      port: `${prefix}h${index}`,
      address: `${network}.${firstHost + index}`,
    })),
  };
};

/** The site a host's name says it stands at: the name without its trailing digits. */
export const siteOf = (host: string): string => host.replace(/\d+$/, "");

const checkShape = ({ id, hosts, subnet }: LabShape): void => {
  if (!/^[a-z][a-z0-9]{0,5}$/.test(id)) {
    throw invalid(
      `The lab id "${id}" is not usable: it must be 1 to 6 of a–z and 0–9 and start with a letter, as it becomes part of interface names.`,
    );
  }
  if (!/^(\d{1,3}\.){3}0\/24$/.test(subnet) || subnet.split(".").some((part) => Number.parseInt(part, 10) > 255)) {
    throw invalid(`The lab subnet "${subnet}" is not usable: give an IPv4 /24 such as 10.78.0.0/24.`);
  }
  if (hosts.length < 1 || hosts.length > most) {
    throw invalid(`A lab has 1 to ${most} hosts, and ${hosts.length} were asked for.`);
  }
  const wrong = hosts.find((name) => !/^[a-z][a-z-]{0,18}[0-9]{1,2}$/.test(name));
  if (wrong !== undefined) {
    throw invalid(
      `The host name "${wrong}" is not usable: give the site's name in a–z followed by a number, such as paris1.`,
    );
  }
  const repeated = hosts.find((name, index) => hosts.indexOf(name) !== index);
  if (repeated !== undefined)
    throw invalid(`The host name "${repeated}" is given twice; each host of a lab needs its own.`);
};

const invalid = (sentence: string): Fault => new Fault("INVALID_INPUT", sentence);

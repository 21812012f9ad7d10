import { Fault } from "#domain/fault.ts";

import type { LabHost } from "../hosts/host.ts";
import type { Lab } from "../hosts/lab.ts";
import type { LabSite } from "../hosts/site.ts";
import { cutLine, freeLine, plugHost, restoreLine, slowLine, unplugHost } from "./line.ts";
import {
  hangLibvirtd,
  killLibvirtd,
  killQemu,
  resumeLibvirtd,
  startLibvirtd,
  startSshd,
  stopSshd,
} from "./services.ts";
import { type Direction, silence, unsilence } from "./silence.ts";
import { emptyStore, fillStore } from "./store.ts";

/** A fault a person can order by name. */
export interface NamedFault {
  readonly name: string;
  /** Its arguments, for the help. */
  readonly usage: string;
  readonly effect: string;
  inject(lab: Lab, args: readonly string[]): Promise<void>;
}

const onHost = (
  name: string,
  effect: string,
  inject: (host: LabHost, rest: readonly string[]) => Promise<void>,
  more = "",
): NamedFault => ({
  name,
  usage: `HOST${more}`,
  effect,
  inject: (lab, [target, ...rest]) => inject(lab.host(target ?? ""), rest),
});

const onSite = (
  name: string,
  effect: string,
  inject: (site: LabSite, rest: readonly string[]) => Promise<void>,
  more = "",
): NamedFault => ({
  name,
  usage: `SITE${more}`,
  effect,
  inject: (lab, [target, ...rest]) => inject(lab.site(target ?? ""), rest),
});

/** Every fault the lab knows. */
export const faults: readonly NamedFault[] = [
  onHost("crash", "everything on the host dies at once", (host) => host.crash()),
  onHost("start", "the host comes back after a crash", (host) => host.start()),
  onSite("crash-site", "the site's hosts and its worker die", (site) => site.crash()),
  onSite("kill-workers", "what runs in the site's worker network dies", (site) => site.killWorkers()),
  onSite("cut", "the site's line to the world is cut", cutLine),
  onSite("restore", "the line is whole again", restoreLine),
  onSite(
    "slow",
    "the site's line passes so many Mbit/s",
    (site, [speed]) => slowLine(site, positive(speed, "the speed in Mbit/s")),
    " MBIT",
  ),
  onSite("free", "the line has its full speed again", freeLine),
  onHost("unplug", "the host's network cable is out", unplugHost),
  onHost("plug", "the cable is in again", plugHost),
  {
    name: "silence",
    usage: "HOST|SITE [in|out|both]",
    effect: "packets of the host, or of the site's worker, vanish",
    inject: (lab, [target = "", direction = "both"]) => silence(hostOrSite(lab, target), asDirection(direction)),
  },
  {
    name: "unsilence",
    usage: "HOST|SITE",
    effect: "they arrive again",
    inject: (lab, [target = ""]) => unsilence(hostOrSite(lab, target)),
  },
  onHost("kill-libvirtd", "libvirtd dies, machines go on", killLibvirtd),
  onHost("start-libvirtd", "libvirtd is started", startLibvirtd),
  onHost("hang-libvirtd", "libvirtd answers nothing", hangLibvirtd),
  onHost("resume-libvirtd", "libvirtd goes on", resumeLibvirtd),
  onHost(
    "kill-qemu",
    "the machine's QEMU dies",
    (host, [machine]) => killQemu(host, required(machine, "the machine's name")),
    " MACHINE",
  ),
  onHost("stop-sshd", "SSH connections break, none can be made", stopSshd),
  onHost("start-sshd", "SSH works again", startSshd),
  onHost(
    "fill-store",
    "the host's store is full, but for so many MiB",
    (host, [leave]) => fillStore(host, leave === undefined ? 0 : positive(leave, "the MiB to leave") * 1024 * 1024),
    " [LEAVE_MIB]",
  ),
  onHost("empty-store", "the store has its space back", emptyStore),
];

/** By name; `INVALID_INPUT` naming those there are. */
export const findFault = (name: string): NamedFault => {
  const found = faults.find((fault) => fault.name === name);
  if (found !== undefined) return found;
  throw new Fault(
    "INVALID_INPUT",
    `There is no fault "${name}"; there are ${faults.map((fault) => fault.name).join(", ")}.`,
  );
};

const hostOrSite = (lab: Lab, name: string): LabHost | LabSite => {
  const found = [...lab.hosts, ...lab.sites].find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = [...lab.hosts, ...lab.sites].map((each) => each.name);
  throw new Fault("INVALID_INPUT", `The lab has no host or site "${name}"; it has ${names.join(", ")}.`);
};

const required = (value: string | undefined, what: string): string => {
  if (value === undefined || value === "")
    throw new Fault("INVALID_INPUT", `This fault needs ${what}; see: understudy lab fault --help`);
  return value;
};

const positive = (text: string | undefined, what: string): number => {
  const number = Number(required(text, what));
  if (!Number.isFinite(number) || number <= 0)
    throw new Fault("INVALID_INPUT", `${what} must be a number above 0, and "${text}" was given.`);
  return number;
};

const asDirection = (text: string): Direction => {
  if (text === "in" || text === "out" || text === "both") return text;
  throw new Fault("INVALID_INPUT", `The direction must be in, out or both, and "${text}" was given.`);
};

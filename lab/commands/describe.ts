import type { Lab } from "../hosts/lab.ts";

/** A lab as `status` tells of it. */
export interface LabDescription {
  readonly id: string;
  readonly subnet: string;
  readonly address: string;
  readonly folder: string;
  readonly hosts: readonly {
    readonly name: string;
    readonly site: string;
    readonly address: string;
    readonly up: boolean;
    readonly machines: readonly string[];
    readonly ssh: string;
  }[];
  readonly sites: readonly { readonly name: string; readonly workerAddress: string; readonly run: string }[];
}

export const describeLab = async (lab: Lab): Promise<LabDescription> => ({
  id: lab.id,
  subnet: lab.subnet,
  address: lab.address,
  folder: lab.folder,
  hosts: await Promise.all(
    lab.hosts.map(async (host) => {
      const running = (await host.pid()) !== undefined;
      return {
        name: host.name,
        site: host.site,
        address: host.address,
        up: running,
        machines: running ? await machinesOf(host) : [],
        ssh: `ssh -F ${lab.sshConfig} ${host.name}`,
      };
    }),
  ),
  sites: lab.sites.map((site) => ({
    name: site.name,
    workerAddress: site.address,
    run: site.execArgv(["COMMAND"]).join(" "),
  })),
});

const machinesOf = async (host: Lab["hosts"][number]): Promise<readonly string[]> => {
  try {
    const { stdout } = await host.run(
      'virsh -q list --all | awk \'{ state = $3; if ($4) state = state " " $4; print $2 " (" state ")" }\'',
      [],
      { timeoutMs: 5_000 },
    );
    return stdout.split("\n").filter(Boolean);
  } catch {
    return ["libvirtd does not answer"]; // a fault may be in force; that is what a person wants to see here
  }
};

/** For people. */
export const labText = (lab: LabDescription): string =>
  [
    `lab ${lab.id}   ${lab.subnet}   this machine is ${lab.address}`,
    ...lab.hosts.flatMap((host) => [
      `  host ${host.name}   ${host.address}   ${host.up ? "up" : "down"}   ${host.machines.length === 0 ? "no machines" : host.machines.join(", ")}`,
      `    ${host.ssh}`,
    ]),
    ...lab.sites.flatMap((site) => [`  site ${site.name}   worker network ${site.workerAddress}`, `    ${site.run}`]),
  ].join("\n");

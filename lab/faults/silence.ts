import { command } from "../hosts/command.ts";
import type { LabHost } from "../hosts/host.ts";
import type { LabSite } from "../hosts/site.ts";

export type Direction = "in" | "out" | "both";

/**
 * Packets of a host, or of a site's worker, vanish without a word: connections stay open on both ends and nobody is told. `in` and `out` make it half-open.
 * The guests of a host are not touched.
 */
export const silence = async (target: LabHost | LabSite, direction: Direction): Promise<void> => {
  await unsilence(target);
  const hooks = [...(direction === "out" ? [] : ["input"]), ...(direction === "in" ? [] : ["output"])];
  const rules = hooks.flatMap((hook) => [
    `add chain inet ${table} ${hook} { type filter hook ${hook} priority 0; }`,
    `add rule inet ${table} ${hook} ${hook === "input" ? "iifname" : "oifname"} != "lo" drop`,
  ]);
  await apply(target, [`add table inet ${table}`, ...rules]);
};

/** Ends the silence. Nothing happens when there was none. */
export const unsilence = async (target: LabHost | LabSite): Promise<void> => {
  // adding it first makes deleting it safe when it is not there
  await apply(target, [`add table inet ${table}`, `delete table inet ${table}`]);
};

const table = "understudy_fault";

const apply = async (target: LabHost | LabSite, statements: readonly string[]): Promise<void> => {
  await command(["ip", "netns", "exec", target.namespace, "nft", "-f", "-"], { stdin: `${statements.join("\n")}\n` });
};

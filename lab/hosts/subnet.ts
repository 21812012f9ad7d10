import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import path from "node:path";

import { Fault } from "#domain/fault.ts";

import { identify, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { openRecord } from "./state.ts";

/**
 * Claims a /24 for a lab: the one asked for, else the first of 10.78.0.0 to 10.78.255.0 that neither another lab in `dir` nor an interface of this machine has.
 * The claim is a file, so that two labs starting at once get different ones.
 */
export const claimSubnet = async (request: {
  readonly dir: string;
  readonly id: string;
  readonly subnet?: string | undefined;
}): Promise<string> => {
  await mkdir(claimFolder(request.dir), { recursive: true });
  const candidates =
    request.subnet === undefined ? Array.from({ length: 256 }, (_, third) => `10.78.${third}.0/24`) : [request.subnet];
  for (const subnet of candidates) {
    if (!isOnAnInterface(subnet) && (await claim(request.dir, subnet, request.id))) return subnet;
  }
  throw new Fault(
    "INVALID_INPUT",
    request.subnet === undefined
      ? "All of 10.78.0.0/24 to 10.78.255.0/24 are taken by labs or interfaces of this machine; name a free /24 with the subnet option."
      : `The subnet ${request.subnet} is taken by another lab or an interface of this machine (see: ip addr); name another /24, or none to have one chosen.`,
  );
};

/** Gives back what the lab claimed. */
export const releaseSubnet = async (dir: string, id: string): Promise<void> => {
  const folder = claimFolder(dir);
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    if ((await readClaim(file)).id === id) await rm(file);
  }
};

interface Claim {
  readonly id: string;
  readonly claimant: ProcessIdentity;
}

const claimFolder = (dir: string): string => path.join(dir, ".subnets");

const readClaim = async (file: string): Promise<Claim> => JSON.parse(await readFile(file, "utf8")) as Claim;

const claim = async (dir: string, subnet: string, id: string): Promise<boolean> => {
  const file = path.join(claimFolder(dir), subnet.replace("/", "-"));
  const mine: Claim = { id, claimant: await identify(process.pid) };
  try {
    await writeFile(file, JSON.stringify(mine), { flag: "wx" });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const theirs = await readClaim(file);
  if (theirs.id === id) return true;
  // left by a start that died before it wrote its lab's state
  if ((await isAlive(theirs.claimant)) || (await openRecord(dir, theirs.id)) !== undefined) return false;
  await rm(file, { force: true });
  return claim(dir, subnet, id);
};

const isOnAnInterface = (subnet: string): boolean => {
  const start = subnet.replace(/0\/24$/, "");
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address.startsWith(start)),
  );
};

import { isFault } from "#domain/fault.ts";
import type { HostConnection } from "../host.ts";
import { readDomain } from "../inventory/domain-xml.ts";
import { unescapeXml } from "../inventory/editable-xml.ts";

export interface FoundDomain {
  readonly uuid: string;
  readonly name: string;
  readonly xml: string;
  /** It has a QEMU process, paused or not. */
  readonly running: boolean;
}

const offStates = ["shut off", "crashed"];

/** A domain of the host by name or UUID; undefined when there is none. */
export const findDomain = async (
  connection: HostConnection,
  nameOrUuid: string,
  signal: AbortSignal,
): Promise<FoundDomain | undefined> => {
  try {
    const [state = "", xml = ""] = await connection.virsh(
      [
        ["domstate", nameOrUuid],
        ["dumpxml", nameOrUuid, "--inactive"],
      ],
      { purpose: `look for machine ${nameOrUuid}`, timeoutMs: 30_000, signal },
    );
    const { name, uuid } = readDomain(xml);
    return { uuid, name, xml, running: !offStates.includes(state.trim()) };
  } catch (error) {
    if (isFault(error) && error.code === "MACHINE_NOT_FOUND") return undefined;
    throw error;
  }
};

/** The replica whose activation made the domain; undefined for one that nobody of ours made. */
export const activationOwner = (domain: FoundDomain): string | undefined => {
  const found = /<understudy:activation[^>]*\sreplica=["']([^"']*)["']/.exec(domain.xml)?.[1];
  return found === undefined ? undefined : unescapeXml(found);
};

/** Whether the domain was made by an activation of that replica. */
export const isActivationOf = (domain: FoundDomain, replica: string): boolean => activationOwner(domain) === replica;

/** Pulls the plug and removes the definition, whatever state it is in. */
export const removeDomain = async (
  connection: HostConnection,
  domain: FoundDomain,
  options: { readonly keepNvram: boolean; readonly signal: AbortSignal },
): Promise<void> => {
  const bounds = { purpose: `remove machine ${domain.name}`, timeoutMs: 60_000, signal: options.signal };
  if (domain.running) await unless(connection.virsh([["destroy", domain.uuid]], bounds), "MACHINE_NOT_RUNNING");
  await unless(
    options.keepNvram
      ? undefineDomain(connection, domain, { purpose: bounds.purpose, signal: options.signal })
      : connection.virsh([["undefine", domain.uuid, "--nvram", ...metadataToo]], bounds),
    "MACHINE_NOT_FOUND",
  );
};

const metadataToo = ["--managed-save", "--snapshots-metadata", "--checkpoints-metadata"] as const;

/** Removes a definition, and leaves the machine's firmware variables and TPM where they are. libvirt before 8.9 keeps a TPM's state only where the definition says so. */
export const undefineDomain = async (
  connection: HostConnection,
  domain: FoundDomain,
  options: { readonly purpose: string; readonly signal: AbortSignal },
): Promise<void> => {
  const bounds = { ...options, timeoutMs: 60_000 };
  const order = ["undefine", domain.uuid, "--keep-nvram", ...metadataToo];
  if (!readDomain(domain.xml).tpm) {
    await connection.virsh([order], bounds);
    return;
  }
  try {
    await connection.virsh([[...order, "--keep-tpm"]], bounds);
  } catch (error) {
    if (!isFault(error) || !/doesn't support option/i.test(error.message)) throw error;
    await connection.virsh([order], bounds);
  }
};

const unless = async (work: Promise<unknown>, done: string): Promise<void> => {
  try {
    await work;
  } catch (error) {
    if (!(isFault(error) && error.code === done)) throw error;
  }
};

import { isFault } from "#domain/fault.ts";
import type { HostConnection } from "../host.ts";
import { first, parseXml } from "../inventory/xml.ts";

/**
 * Why the host's QEMU cannot be such a machine, for instance because it is older than the source's and does not know the machine type; undefined when it can.
 * libvirt looks a QEMU through when it is first asked about it, which takes most of a second and is not left to the failover.
 */
export const machineTypeProblem = async (
  connection: HostConnection,
  { definition, emulator }: { readonly definition: string; readonly emulator: string },
  signal: AbortSignal,
): Promise<string | undefined> => {
  const domain = parseXml(definition);
  const { arch, machine } = first(domain, "os", "type")?.attributes ?? {};
  const { type } = domain.attributes;
  const asked = Object.entries({ emulatorbin: emulator, virttype: type, arch, machine }).flatMap(([option, value]) =>
    value === undefined ? [] : [`--${option}`, value],
  );
  try {
    await connection.virsh([["domcapabilities", ...asked]], {
      purpose: `see whether ${emulator} can be a machine of type ${machine ?? "(the default)"}`,
      timeoutMs: 30_000,
      signal,
    });
    return undefined;
  } catch (error) {
    if (!isFault(error) || error.code !== "COMMAND_FAILED") throw error;
    return error.message;
  }
};

import { release } from "node:os";
import { execa } from "execa";
import type { Measure } from "../measure.ts";

/** What the hosts run. */
export const hostVersions = async (): Promise<readonly Measure[]> => {
  const [qemu, libvirt] = await Promise.all([execa`qemu-system-x86_64 --version`, execa`libvirtd --version`]);
  const number = (text: string): string => /\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? text;
  return Object.entries({ QEMU: number(qemu.stdout), libvirt: number(libvirt.stdout), kernel: release() }).map(
    ([name, value]) => ({ name: `${name} version`, value, unit: "" }),
  );
};

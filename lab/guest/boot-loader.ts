import { writeFile } from "node:fs/promises";
import path from "node:path";

import { command } from "../hosts/command.ts";
import type { BootLayout } from "./boot-sector.ts";
import type { UnpackedPackages } from "./packages.ts";

/** What the kernel is told, however it is started. */
export const kernelArguments = "console=ttyS0 quiet panic=-1 nokaslr tsc=reliable mitigations=off";

const script = ({
  kernel,
  initrd,
}: BootLayout): string => `linux (hd0)${kernel.first}+${kernel.count} ${kernelArguments}
initrd (hd0)${initrd.first}+${initrd.count}
boot
`;

/** Makes GRUB's core image for a BIOS: loads the kernel from its place on the disk it was started from, without a menu. */
export const buildBootLoader = async (request: {
  readonly packages: UnpackedPackages;
  readonly layout: BootLayout;
  readonly target: string;
  readonly signal?: AbortSignal | undefined;
}): Promise<void> => {
  const { packages, target, signal } = request;
  const configuration = `${target}.cfg`;
  await writeFile(configuration, script(request.layout));
  const modules = ["biosdisk", "linux"];
  await command(
    [
      path.join(packages.root, "usr/bin/grub-mkimage"),
      "-d",
      path.join(packages.root, "usr/lib/grub/i386-pc"),
      "-O",
      "i386-pc",
    ].concat(["-p", "(hd0)", "-c", configuration, "-o", target, ...modules]),
    { signal },
  );
};

/** GRUB's own boot sector. */
export const bootSectorFile = (packages: UnpackedPackages): string =>
  path.join(packages.root, "usr/lib/grub/i386-pc/boot.img");

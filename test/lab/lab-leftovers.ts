import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** Everything on this machine that carries a lab's names: network namespaces, interfaces, processes, mounts, loop devices, files. Nothing, when it cleaned up. */
export const leftovers = async (lab: { readonly id: string; readonly folder: string }): Promise<readonly string[]> => {
  const namespaces = existsSync("/run/netns") ? await readdir("/run/netns") : [];
  const interfaces = await readdir("/sys/class/net");
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  return [
    ...namespaces.filter((name) => name.startsWith(`us-${lab.id}-`)),
    ...interfaces.filter((name) => new RegExp(`^us${lab.id}([suvwh]\\d+)?$`).test(name)),
    ...mounts.filter((line) => line.includes(`us-${lab.id}-`) || line.includes(lab.folder)),
    ...(await processesNaming(lab.folder)),
    ...(await loopFiles()).filter((file) => file.startsWith(lab.folder)),
    ...(existsSync(lab.folder) ? [lab.folder] : []),
  ];
};

const processesNaming = async (folder: string): Promise<readonly string[]> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.allSettled(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8")));
  return lines.flatMap((line) =>
    line.status === "fulfilled" && line.value.includes(`${folder}/`) ? [line.value.replaceAll("\0", " ")] : [],
  );
};

const loopFiles = async (): Promise<readonly string[]> => {
  const devices = (await readdir("/sys/block")).filter((name) => name.startsWith("loop"));
  const files = await Promise.allSettled(
    devices.map((name) => readFile(`/sys/block/${name}/loop/backing_file`, "utf8")),
  );
  return files.flatMap((file) => (file.status === "fulfilled" ? [file.value.trim()] : []));
};

import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import { Fault } from "#domain/fault.ts";

/** Kernel modules by name, as found on the disk. */
export type ModuleFiles = ReadonlyMap<string, string>;

/** Finds all modules under a kernel's folder. */
export const findModules = async (folder: string): Promise<ModuleFiles> => {
  const files = await readdir(folder, { recursive: true });
  const modules = files.filter((file) => file.endsWith(".ko"));
  return new Map(modules.map((file) => [moduleName(path.basename(file, ".ko")), path.join(folder, file)]));
};

/** The wanted modules and all they depend on, each after its dependencies. */
export const loadOrder = async (wanted: readonly string[], modules: ModuleFiles): Promise<readonly string[]> => {
  const order: string[] = [];
  const add = async (name: string): Promise<void> => {
    if (order.includes(name)) return;
    const file = modules.get(name);
    if (file === undefined) throw new Fault("INTERNAL", `The guest's kernel has no module ${name}.`);
    for (const dependency of dependenciesOf(await readFile(file))) await add(dependency);
    order.push(name);
  };
  for (const name of wanted) await add(moduleName(name));
  return order;
};

/** The `depends=` entry of a module's .modinfo. */
export const dependenciesOf = (module: Buffer): readonly string[] => {
  const marker = Buffer.from("\0depends=");
  const start = module.indexOf(marker);
  if (start < 0) return [];
  const from = start + marker.length;
  const names = module.toString("latin1", from, module.indexOf(0, from));
  return names.split(",").filter(Boolean).map(moduleName);
};

// file names mix - and _; the kernel treats both as one
const moduleName = (name: string): string => name.replaceAll("-", "_");

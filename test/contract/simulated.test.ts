import { writeGuest } from "#lab/simulated/guest-disk.ts";
import { bootHost, crashHost, machineRecord } from "#lab/simulated/machines.ts";
import { diskPath } from "#lab/simulated/paths.ts";
import { readSparse } from "#lab/simulated/sparse-file.ts";
import { operation } from "#test/support/operation.ts";
import { addTwoDiskMachine, simulatedSite, vm } from "#test/support/simulated-machine.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";
import type { PlatformHarness } from "./platform/harness.ts";
import { platformContract } from "./platform/platform-contract.ts";

async function openHarness(): Promise<PlatformHarness> {
  const dir = memoryDir();
  const east = await simulatedSite({ dir: dir.path, site: "east" });
  const west = await simulatedSite({ dir: dir.path, site: "west" });
  const machine = addTwoDiskMachine(east.store, {}, [32, 24]);
  await east.source.powerOn(vm, operation());
  const storeOf = (side: "source" | "target") => (side === "source" ? east.store : west.store);
  return {
    source: east.source,
    target: west.target,
    back: { source: west.source, target: east.target },
    sourceSite: "east",
    targetSite: "west",
    machine,
    leastScratchBytes: 0,
    networks: { production: "recovery" },
    testNetwork: "isolated",
    write: (side, disk, { offset, data }) => {
      const { generation } = machineRecord(storeOf(side), vm);
      return Promise.resolve(writeGuest(storeOf(side), { machine: vm, generation }, { disk, offset, data }));
    },
    readDisk: (side, id, disk) => {
      const size = machineRecord(storeOf(side), id).machine.disks.find((other) => other.id === disk)?.sizeBytes ?? 0;
      const content = Buffer.alloc(size);
      readSparse(diskPath(storeOf(side).dir, id, disk), 0, content);
      return Promise.resolve(content);
    },
    machines: (side) => (side === "source" ? east : west).platform.inventory.list(operation()),
    openAgain: () => simulatedSite({ dir: dir.path, site: "east" }),
    crashSource: () => {
      crashHost(east.store);
      bootHost(east.store);
      return Promise.resolve();
    },
    async [Symbol.asyncDispose]() {
      await east[Symbol.asyncDispose]();
      await west[Symbol.asyncDispose]();
      dir[Symbol.dispose]();
    },
  };
}

platformContract("The simulated platform", openHarness);

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lyon, mebibyte, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({
    id: labId("stn"),
    machine: { disks: [{ sizeBytes: 64 * mebibyte, blobBytes: 4 * mebibyte }] },
  });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** What the machine's adapters hang on, as libvirt has it. */
const hangsOn = async (machine: string): Promise<readonly string[]> => {
  const { stdout } = await world.host(lyon).run("virsh -q domiflist \"$1\" | awk '{ print $3 }'", [machine]);
  return stdout.trim().split("\n");
};

describe("a test failover", () => {
  it("hangs on the network it is given and not on the production's, whose name is the same at both sites and not mapped", async () => {
    const host = world.host(lyon);
    await host.run("ip link add rehearsal type bridge && ip link set rehearsal up");
    expect((await host.run("ls -d /sys/class/net/*/bridge")).stdout).toContain(`/${host.bridge}/`);
    await world.run("EnableProtection");
    await world.fresh();
    const { result } = await world.run("TestFailover", { network: "rehearsal" });
    expect(result?.machineName).toBe("app1-Test");
    expect(await hangsOn("app1-Test")).toEqual(["rehearsal"]);
    await world.run("TestFailoverCleanup");

    // Without one: by itself, in a network that is made for it and goes with it.
    await world.run("TestFailover");
    const [isolated = ""] = await hangsOn("app1-Test");
    expect(isolated).toMatch(/^us-/);
    await world.run("TestFailoverCleanup");
    expect((await host.run("ls /sys/class/net")).stdout).not.toContain(isolated);
  });
});

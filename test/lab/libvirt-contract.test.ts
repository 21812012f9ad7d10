import { afterAll, beforeAll } from "vitest";
import type { Lab } from "#lab/hosts/lab.ts";
import { startLab } from "#lab/hosts/lab.ts";
import { platformContract } from "#test/contract/platform/platform-contract.ts";
import { openLibvirtHarness } from "./libvirt-harness.ts";
import { labId } from "./lab-id.ts";

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ id: labId("ctr") });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

platformContract("The libvirt platform", () => openLibvirtHarness(lab));

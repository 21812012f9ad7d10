import { describe } from "vitest";
import type { OpenHarness } from "./harness.ts";
import { sourceContract } from "./source-contract.ts";
import { targetContract } from "./target-contract.ts";
import { wayBackContract } from "./way-back-contract.ts";

/** The platform contract (`platforms/platform.ts`) as tests, for any platform that a harness can be made for. */
export function platformContract(name: string, openHarness: OpenHarness): void {
  describe(`${name} as a source`, () => {
    sourceContract(openHarness);
  });
  describe(`${name} as a target`, () => {
    targetContract(openHarness);
  });
  describe(`${name} on the way back`, () => {
    wayBackContract(openHarness);
  });
}

import type { Lifecycle } from "#domain/lifecycle.ts";

/** Every item begins here, and ends here when its protection is disabled. */
export const newLifecycle: Lifecycle = {
  state: "unprotected",
  direction: "forward",
  testFailover: "none",
  hasRecoveryPoint: false,
};

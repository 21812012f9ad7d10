import { Fault } from "#domain/fault.ts";
import { ensurePackages, type PackageOptions } from "#lab/bootstrap/packages.ts";
import { ensureTemporal } from "#lab/bootstrap/temporal.ts";
import { ensureTimeSkippingServer } from "#lab/bootstrap/time-skipping-server.ts";
import { labPackages } from "#lab/packages.ts";

/** Brings everything the tests stand on, or rejects with what is missing and how to get it: a missing stand-in fails the run, it skips nothing. */
export const setUp = async (options: PackageOptions & { readonly realHosts: boolean }): Promise<void> => {
  options.progress("Set-up: Temporal, its time-skipping server" + (options.realHosts ? ", Debian packages" : ""));
  if (options.realHosts && process.getuid?.() !== 0) {
    throw new Fault(
      "PREREQUISITES_FAILED",
      "The tests on real hosts make network namespaces, which takes root. Type: sudo npm test; or, without the real hosts: npm run check",
    );
  }
  if (options.realHosts) await ensurePackages(labPackages, options);
  await ensureTemporal(options);
  await ensureTimeSkippingServer(options);
};

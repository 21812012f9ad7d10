import { Fault } from "#domain/fault.ts";
import type { Login } from "./open-client.ts";

/** What a failed connect means. `found` is the fingerprint of a host key that was not the pinned one. */
export const connectFault = (failure: {
  readonly error: Error & { readonly level?: string; readonly code?: unknown };
  readonly login: Login;
  readonly found: string | undefined;
  readonly expected: string;
}): Fault => {
  const { error, login, found, expected } = failure;
  const where = `${login.name} (${login.user}@${login.address}:${login.port.toString()})`;
  const details = { host: login.name, address: login.address, port: login.port, user: login.user };
  if (found !== undefined)
    return new Fault(
      "HOST_KEY_MISMATCH",
      `Host ${where} showed the key ${found}, but ${expected} is pinned. Either somebody else answers at this address, or the host was reinstalled: find out which, then correct hostKey.`,
      { cause: error, details: { ...details, found, expected } },
    );
  if (/no matching host key/i.test(error.message))
    return new Fault(
      "HOST_KEY_MISMATCH",
      `Host ${where} has no key of the pinned type (${login.hostKey.split(" ", 1)[0] ?? ""}; pinned is ${expected}). Either somebody else answers at this address, or the host was reinstalled: find out which, then correct hostKey.`,
      { cause: error, details: { ...details, expected } },
    );
  if (error.level === "client-authentication" || error.level === "agent")
    return new Fault(
      "AUTHENTICATION_FAILED",
      `Host ${where} does not accept ${login.identityFile === undefined ? "any key of this worker's SSH agent" : `the key in ${login.identityFile}`} (${error.message}). Put its public half into the authorized_keys of ${login.user} there.`,
      { cause: error, details },
    );
  return new Fault(
    "HOST_UNREACHABLE",
    `Host ${where} cannot be reached over SSH: ${error.message}. Check its address and port, that it is up, and the network between.`,
    { cause: error, details },
  );
};

/** A connection that broke while something was under way: whether that happened there or not is unknown. */
export const lostFault = (host: string, purpose: string, cause?: unknown): Fault =>
  new Fault(
    "HOST_UNREACHABLE",
    `The connection to host ${host} broke while it was to ${purpose}; whether that was done is not known.`,
    { cause, details: { host, purpose } },
  );

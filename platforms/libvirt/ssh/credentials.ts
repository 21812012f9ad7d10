import { readFile, stat } from "node:fs/promises";
import ssh2 from "ssh2";
import { Fault } from "#domain/fault.ts";

export type Credentials = { readonly privateKey: Buffer } | { readonly agent: string };

/**
 * What a worker proves itself to a host with: the identity file when one is configured, else the worker's SSH agent.
 * Rejects with `AUTHENTICATION_FAILED` when there is neither, when the file can be read by others, or when it needs a passphrase.
 */
export const loadCredentials = async (
  login: { readonly name: string; readonly identityFile?: string | undefined },
  agentSocket: string | undefined,
): Promise<Credentials> => {
  const { name, identityFile } = login;
  if (identityFile !== undefined) return { privateKey: await readIdentity(name, identityFile) };
  if (agentSocket !== undefined && agentSocket !== "") return { agent: agentSocket };
  throw new Fault(
    "AUTHENTICATION_FAILED",
    `There is nothing to log in to host ${name} with: it has no identityFile in the configuration and this worker has no SSH agent (SSH_AUTH_SOCK is not set). Give one of the two.`,
    { details: { host: name } },
  );
};

const readIdentity = async (name: string, path: string): Promise<Buffer> => {
  const refuse = (problem: string, cause?: unknown): Fault =>
    new Fault("AUTHENTICATION_FAILED", `The identity file ${path} of host ${name} ${problem}`, {
      cause,
      details: { host: name, identityFile: path },
    });
  const found = await stat(path).catch((error: unknown) => {
    throw refuse(`cannot be read by this worker (${textOf(error)}). Put the key there or correct identityFile.`, error);
  });
  if (!found.isFile()) throw refuse("is not a file. Correct identityFile.");
  // As OpenSSH does: a key that others can read is not a secret.
  if ((found.mode & 0o077) !== 0)
    throw refuse(
      `can be read or written by others (mode ${(found.mode & 0o777).toString(8).padStart(4, "0")}). Run: chmod 600 ${path}`,
    );
  const key = await readFile(path).catch((error: unknown) => {
    throw refuse(`cannot be read by this worker (${textOf(error)}).`, error);
  });
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error) {
    if (/encrypted/i.test(parsed.message))
      throw refuse(
        `is protected by a passphrase. Unlock it into this worker's SSH agent (ssh-add ${path}) and leave identityFile out.`,
      );
    throw refuse(`is not a private key this worker can use (${parsed.message}).`, parsed);
  }
  return key;
};

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

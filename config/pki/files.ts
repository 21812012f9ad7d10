import { randomUUID } from "node:crypto";
import { open, readFile, rename, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { Fault } from "#domain/fault.ts";

/** Where everything of one installation's certificates lies. A site is given its own folder only: the authority's key stays here. */
export const pkiFiles = (folder: string) => ({
  authorityFolder: join(folder, "authority"),
  authorityCertificate: join(folder, "authority", "certificate.pem"),
  authorityKey: join(folder, "authority", "key.pem"),
  /** Every authority that is trusted now, the newest first. */
  trust: join(folder, "authority", "trust.pem"),
  sitesFolder: join(folder, "sites"),
  site: (name: string) => siteFiles(join(folder, "sites", name)),
});

/** The three files that a site's worker reads. */
export const siteFiles = (folder: string) => ({
  folder,
  certificate: join(folder, "certificate.pem"),
  key: join(folder, "key.pem"),
  trust: join(folder, "trust.pem"),
});

/** Certificates may be read by everybody, keys only by their owner. */
const modeOf = (path: string): number => (path.endsWith("key.pem") ? 0o600 : 0o644);

export const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
};

export const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

const writeSynced = async (path: string, text: string): Promise<void> => {
  await using file = await open(path, "wx", modeOf(path));
  await file.writeFile(text);
  await file.sync();
};

/** Writes a file that must not be there yet. */
export const create = async (path: string, text: string): Promise<void> => {
  try {
    await writeSynced(path, text);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    throw new Fault(
      "INVALID_INPUT",
      `The file ${path} exists already and is not overwritten; use \`understudy pki rotate\`.`,
      {
        cause: error,
      },
    );
  }
};

/** Replaces a file whole or not at all. */
export const replace = async (path: string, text: string): Promise<void> => {
  const fresh = `${path}.${randomUUID()}.key.pem`;
  await writeSynced(fresh, text);
  await using file = await open(fresh, "r+");
  await file.chmod(modeOf(path));
  await rename(fresh, path);
};

/** The file's text, or a sentence that says what is missing and how to make it. */
export const readRequired = async (path: string, purpose: string, cure: string): Promise<string> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT"))
      throw new Fault("INVALID_INPUT", `The file ${path} (${purpose}) does not exist; ${cure}.`, { cause: error });
    if (isErrno(error, "EACCES"))
      throw new Fault(
        "PERMISSION_DENIED",
        `The file ${path} (${purpose}) may not be read by ${userInfo().username}, as which this runs: make it the owner of the file (chown), and leave its mode as it is.`,
        { cause: error },
      );
    throw error;
  }
};

/** The certificates of a bundle, in order. */
export const splitBundle = (text: string): readonly string[] =>
  text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];

import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { CarriedFile } from "#domain/cut.ts";
import { isFault } from "#domain/fault.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import { firmwareStore } from "../inventory/firmware-store.ts";
import type { SourcePlace } from "./place.ts";

/** What a cut has of the firmware's variables, or why it has not. */
export interface FirmwareVariables {
  readonly files?: readonly CarriedFile[];
  readonly warnings?: readonly { readonly code: FaultCode; readonly message: string }[];
}

/** The largest there is (AArch64's) is this long, nearly all of it blank. */
const maximumBytes = 64 * 1024 * 1024;
const maximumContent = 1024 * 1024;

/**
 * The store of the machine's UEFI variables as it lies there now. It is read anew only when its digest is another than the last time; a store that the guest rewrites
 * meanwhile is read again. Never fails the cut: what cannot be read is a warning, and of a machine that has never run there is nothing yet.
 */
export const readFirmwareVariables = async (
  place: SourcePlace,
  machine: { readonly id: string; readonly definition: string; readonly running: boolean },
  signal: AbortSignal,
): Promise<FirmwareVariables> => {
  const store = firmwareStore(machine.definition);
  if (store.kind === "none") return {};
  const lacking = (why: string): FirmwareVariables => ({
    warnings: [
      {
        code: "FIRMWARE_NOT_CARRIED",
        message: `The UEFI variables of machine ${machine.id} on host ${place.host.name} are not in its recovery points: ${why}. A failover starts it with the firmware's defaults, without the boot entries its guest has made.`,
      },
    ],
  });
  if (store.kind === "elsewhere")
    return lacking(`they lie on ${store.type} storage, and only a file is carried; name a file in <nvram>`);
  const { path } = store;
  const known = place.lastVariables?.get(path);
  const answer = await readStore(place, { path, known: known?.sha256 ?? "-" }, signal);
  switch (answer.verdict) {
    case "same":
      return known === undefined ? lacking(`${path} could not be compared`) : { files: [known] };
    case "whole": {
      const file = fileOf(answer);
      if (file === undefined) return lacking(`${path} is rewritten all the time`);
      if ((file.content?.length ?? 0) > maximumContent)
        return lacking(`${path} is larger than ${maximumContent.toString()} bytes when compressed`);
      place.lastVariables?.set(path, file);
      return { files: [file] };
    }
    case "missing":
      return machine.running ? lacking(`${path} is not there, or its folder may not be read`) : {};
    case "large":
      return lacking(`${path} is larger than ${maximumBytes.toString()} bytes`);
    case "changing":
      return lacking(`${path} is rewritten all the time`);
    default:
      return lacking(`${path} cannot be read by this login${answer.said === undefined ? "" : ` (${answer.said})`}`);
  }
};

interface Answer {
  readonly verdict: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly content: string;
  /** What the host said of a reading that failed. */
  readonly said?: string;
}

/** What says nothing of the host as such: its storage hangs, it may not be read. */
const oneFileAlone: readonly FaultCode[] = ["COMMAND_FAILED", "COMMAND_TIMED_OUT", "PERMISSION_DENIED"];

const readStore = async (
  { host }: SourcePlace,
  asked: { readonly path: string; readonly known: string },
  signal: AbortSignal,
): Promise<Answer> => {
  try {
    const { stdout } = await host.run(script, [asked.path, asked.known, maximumBytes.toString()], {
      signal,
      timeoutMs: 5_000,
      purpose: "read the firmware's variables",
    });
    const [head = "", content = ""] = stdout.split("\n");
    const [verdict = "", sha256 = "", size = ""] = head.split(" ");
    return { verdict, sha256, sizeBytes: Number(size), content };
  } catch (error) {
    if (!isFault(error) || !oneFileAlone.includes(error.code)) throw error;
    return { verdict: "unreadable", sha256: "", sizeBytes: 0, content: "", said: error.message };
  }
};

/** $1 the file, $2 the digest it had, $3 the most bytes. Whole: its digest was the same before and after it was read. */
const script = `
if [ ! -e "$1" ]; then echo missing; exit 0; fi
if [ ! -r "$1" ]; then echo unreadable; exit 0; fi
if [ "$(stat -Lc %s "$1")" -gt "$3" ]; then echo large; exit 0; fi
digest() { sha256sum <"$1" | cut -c 1-64; }
for try in 1 2 3 4 5; do
  before=$(digest "$1")
  if [ "\${#before}" -ne 64 ]; then echo unreadable; exit 0; fi
  if [ "$before" = "$2" ]; then echo same; exit 0; fi
  content=$(gzip -9nc <"$1" | base64 -w 0)
  if [ "$(digest "$1")" = "$before" ]; then printf 'whole %s %s\\n%s\\n' "$before" "$(stat -Lc %s "$1")" "$content"; exit 0; fi
done
echo changing`;

/** Undefined when what was read is not what was digested: it was rewritten twice meanwhile. */
const fileOf = ({ sha256, sizeBytes, content }: Answer): CarriedFile | undefined => {
  let bytes: Buffer;
  try {
    bytes = gunzipSync(Buffer.from(content, "base64"), { maxOutputLength: maximumBytes });
  } catch {
    // The host could not pack it to its end.
    return undefined;
  }
  return createHash("sha256").update(bytes).digest("hex") === sha256 && bytes.length === sizeBytes
    ? { role: "nvram", sizeBytes, sha256, content }
    : undefined;
};

import { appendFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { readImageMarks } from "#platforms/libvirt/source/image-marks.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";
import { shellHost } from "./shell-host.ts";

const never = new AbortController().signal;
/** Says that all files are on such a file system. */
const statOn = (kind: string): string => `case " $* " in *" -f "*) echo ${kind} ;; *) exec /usr/bin/stat "$@" ;; esac`;

it("An image's marks change when it is written to", async () => {
  using dir = memoryDir();
  const image = `${dir.path}/vda.qcow2`;
  await writeFile(image, "before");
  const host = await shellHost(dir.path, { stat: statOn("xfs") });
  const before = await readImageMarks(host, [image], never);
  expect(before).toMatch(/^\d+:\d+:6 /);
  expect(await readImageMarks(host, [image], never)).toBe(before);
  await appendFile(image, "after");
  expect(await readImageMarks(host, [image], never)).not.toBe(before);
});

it.each(["nfs", "cifs", "smb2", "fuseblk", "ceph", "gfs/gfs2", "ocfs2", "UNKNOWN (0xbeef)"])(
  "There are no marks on %s, where another host may write",
  async (kind) => {
    using dir = memoryDir();
    const image = `${dir.path}/vda.qcow2`;
    await writeFile(image, "content");
    const host = await shellHost(dir.path, { stat: statOn(`"${kind}"`) });
    expect(await readImageMarks(host, [image], never)).toBeUndefined();
  },
);

it("There are no marks where one of the images is not there", async () => {
  using dir = memoryDir();
  await writeFile(`${dir.path}/vda`, "content");
  const host = await shellHost(dir.path, { stat: statOn("xfs") });
  expect(await readImageMarks(host, [`${dir.path}/vda`, `${dir.path}/vdb`], never)).toBeUndefined();
});

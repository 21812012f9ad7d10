import { readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { editImage } from "#platforms/libvirt/source/edit-image.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";
import { shellHost } from "./shell-host.ts";

const never = new AbortController().signal;
const edit = (dir: string) => ({
  machine: "app1",
  path: `${dir}/vda.qcow2`,
  options: ["--remove"],
  record: "understudy:app1",
});

it("An image is edited for a few seconds at most, in which its machine cannot be started", async () => {
  using dir = memoryDir();
  await writeFile(`${dir.path}/vda.qcow2`, "");
  const host = await shellHost(dir.path, { timeout: `echo "$@" >"${dir.path}/called"` });
  await editImage(host, edit(dir.path), never);
  expect(await readFile(`${dir.path}/called`, "utf8")).toBe(
    `5 qemu-img bitmap -f qcow2 --remove ${dir.path}/vda.qcow2 understudy:app1\n`,
  );
});

it("An edit that takes longer is ended, and it is said why", async () => {
  using dir = memoryDir();
  await writeFile(`${dir.path}/vda.qcow2`, "");
  const host = await shellHost(dir.path, {
    timeout: `shift; exec /usr/bin/timeout 0.1 "$@"`,
    "qemu-img": "exec sleep 60",
  });
  await expect(editImage(host, edit(dir.path), never)).rejects.toMatchObject({
    code: 124,
    stderr: expect.stringMatching(/the storage of \S+\/vda\.qcow2 took longer than 5 s/) as string,
  });
});

it("What QEMU's tool refuses is told in its words", async () => {
  using dir = memoryDir();
  const host = await shellHost(dir.path, { "qemu-img": "echo the image is locked >&2; exit 1" });
  await expect(editImage(host, edit(dir.path), never)).rejects.toMatchObject({
    code: 1,
    stderr: "the image is locked\n",
  });
});

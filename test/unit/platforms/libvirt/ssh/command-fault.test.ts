import { expect, it } from "vitest";
import { commandFault } from "#platforms/libvirt/ssh/command-fault.ts";

const faultOf = (text: string) => commandFault({ host: "paris1", purpose: "read machine app1", text });

it("does not take a login's banner for the reason", () => {
  const { code, message } = faultOf(
    "Could not chdir to home directory /nonexistent: No such file or directory\nerror: failed to connect to the hypervisor\nerror: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied",
  );
  expect(code).toBe("PERMISSION_DENIED");
  expect(message).not.toContain("chdir");
  expect(message).toMatch(/right to manage libvirt's machines: put it into the group libvirt .*polkit.*root/);
});

it("tells the end of a long talk, where the reason stands", () => {
  const { message } = faultOf(`${"warning: nothing to see here\n".repeat(100)}error: the disk is on fire.`);
  expect(message.endsWith("error: the disk is on fire.")).toBe(true);
});

it.each([
  ["This account is currently not available.", "PERMISSION_DENIED", "may run no commands there"],
  [
    "error: authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'",
    "PERMISSION_DENIED",
    "usermod -aG libvirt USER",
  ],
  ["qemu-img: Could not open '/vm/app1.qcow2': Permission denied", "PERMISSION_DENIED", "the right to what is named"],
  ["sh: 1: virsh: not found", "HYPERVISOR_UNAVAILABLE", "libvirt-clients"],
  ["error: failed to connect to the hypervisor", "HYPERVISOR_UNAVAILABLE", "Is libvirtd running there?"],
  ["Unable to read from monitor: Connection reset by peer", "MACHINE_NOT_RUNNING", "Start it"],
  ["internal error: End of file from qemu monitor (vm='app1')", "MACHINE_NOT_RUNNING", "Start it"],
  ["Requested operation is not valid: domain is not running", "MACHINE_NOT_RUNNING", "Start it"],
  ["operation failed: domain is no longer running", "MACHINE_NOT_RUNNING", "Start it"],
  ["error: Disconnected from qemu:///system due to end of file", "HYPERVISOR_UNAVAILABLE", "libvirtd"],
])("tells %j as what it means", (text, code, action) => {
  const fault = faultOf(text);
  expect(fault.code).toBe(code);
  expect(fault.message).toContain(action);
});

import type { LabHost } from "../hosts/host.ts";

/** libvirtd dies (SIGKILL); the machines go on. */
export const killLibvirtd = async (host: LabHost): Promise<void> => {
  await host.run(
    "kill -9 $(cat /run/libvirtd.pid) && while kill -0 $(cat /run/libvirtd.pid) 2>/dev/null; do sleep 0.02; done",
  );
};

/** Starts libvirtd where it is gone, and waits until it answers. */
export const startLibvirtd = async (host: LabHost): Promise<void> => {
  await host.run(
    `
    if ! kill -0 "$(cat /run/libvirtd.pid 2>/dev/null)" 2>/dev/null; then rm -f /run/libvirtd.pid; /usr/sbin/libvirtd -d; fi
    until virsh -q list >/dev/null 2>&1; do sleep 0.05; done`,
    [],
    { timeoutMs: 30_000 },
  );
};

/** libvirtd hangs: it takes connections and answers none. `resumeLibvirtd` lets it go on. */
export const hangLibvirtd = async (host: LabHost): Promise<void> => {
  await host.run("kill -STOP $(cat /run/libvirtd.pid)");
};

export const resumeLibvirtd = async (host: LabHost): Promise<void> => {
  await host.run("kill -CONT $(cat /run/libvirtd.pid)");
};

/** A machine's QEMU dies (SIGKILL): what the guest had not flushed is lost with it. */
export const killQemu = async (host: LabHost, machine: string): Promise<void> => {
  await host.run('kill -9 "$(cat "/run/libvirt/qemu/$1.pid")"', [machine]);
};

/** No new SSH connection, and those there are break. */
export const stopSshd = async (host: LabHost): Promise<void> => {
  // only the host's own processes have numbers in there
  await host.run("for pid in $(pidof sshd); do kill -9 $pid; done; rm -f /run/sshd.pid");
};

export const startSshd = async (host: LabHost): Promise<void> => {
  await host.run(
    `[ -e /run/sshd.pid ] || /usr/sbin/sshd -f "$1"; until [ -e /run/sshd.pid ]; do sleep 0.02; done`,
    [host.sshdConfig],
    { timeoutMs: 10_000 },
  );
};

/**
 * The Debian packages the lab needs installed on the machine it runs on: hypervisor, SSH server and the tools that make networks and disks.
 * `libvirt-daemon-system-sysv` is named so that apt does not pull systemd in.
 */
export const labPackages: readonly string[] = [
  "busybox-static",
  "e2fsprogs",
  "iproute2",
  "libnbd-bin",
  "libvirt-clients",
  "libvirt-daemon",
  "libvirt-daemon-driver-qemu",
  "libvirt-daemon-system",
  "libvirt-daemon-system-sysv",
  "lz4",
  "nbdkit",
  "nftables",
  "openssh-client",
  "openssh-server",
  "ovmf",
  "qemu-system-x86",
  "qemu-utils",
  "socat",
  "util-linux",
];

/**
 * Packages the guest is made of: downloaded and unpacked into the cache, never installed. `linux-image-cloud-amd64` stands for the kernel package it
 * depends on.
 */
export const guestPackages: readonly string[] = ["linux-image-cloud-amd64", "qemu-guest-agent"];

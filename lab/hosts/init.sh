#!/bin/bash
# Process 1 of a lab host:  init.sh NAME FOLDER
# Runs in namespaces of its own (network, mount, pid, uts, ipc). Makes the folders that differ from the machine's own, starts sshd and libvirtd, and stays
# to reap what they leave. Killing this process kills everything on the host at once: that is a host crash.
set -eu
name=$1
folder=$2

hostname "$name"
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /run/lock /run/libvirt
mount --bind "$folder/etc-libvirt" /etc/libvirt
mount --bind "$folder/lib" /var/lib/libvirt
mount --bind "$folder/log" /var/log/libvirt
mount --bind "$folder/cache" /var/cache/libvirt
mount --bind "$folder/hosts" /etc/hosts
# The kernel is not started anew with the host; who asks whether it was must hear so all the same.
cat /proc/sys/kernel/random/uuid >/run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
# A store of limited size is a file system of its own in a file, so that "disk full" is real. The loop device goes with the namespace.
if [ -f "$folder/store.img" ]; then
  mount -o loop,discard "$folder/store.img" /var/lib/libvirt/understudy
fi

/usr/sbin/sshd -f "$folder/ssh/sshd_config" -E "$folder/log/sshd.log"
/usr/sbin/libvirtd -d

while :; do
  sleep 86400 &
  wait $! || true
done

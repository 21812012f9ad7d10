/**
 * Ends a merge that runs, and waits until it has: it is done again later, and a failover does not wait for it to be done. $1 the replica's folder.
 * The merge's shell waits for one child at a time, which shares its lock, so both have to go.
 */
export const interruptMergeScript = `
[ -s "$1/merge.pid" ] || exit 0
pid=$(cat "$1/merge.pid")
tr '\\000' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$1" || exit 0
children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
kill $pid $children 2>/dev/null || :
flock -w 30 "$1/merge.lock" true`;

/**
 * Makes what an activated machine writes to, anew. $1 the activation's folder, $2 private bridge or "-"; then for each disk: file, size, the layer beneath, record's name or "-".
 * Standard input: the machine's definition, kept as `machine.xml` in the folder.
 * The record of changes is in the image before the machine starts, so that no write can be missed.
 */
export const prepareScript = `set -eu
umask 066
folder=$1 bridge=$2
shift 2
mkdir -p "$folder"
cat >"$folder/machine.xml"
if [ "$bridge" != - ]; then
  [ -d "/sys/class/net/$bridge" ] || ip link add "$bridge" type bridge
  ip link set "$bridge" up
fi
while [ $# -gt 0 ]; do
  rm -f "$1"
  qemu-img create -q -f qcow2 -u -b "$3" -F qcow2 "$1" "$2" >&2
  if [ "$4" != - ]; then qemu-img bitmap --add -g 65536 -f qcow2 "$1" "$4" >&2; fi
  sync "$1" "\${1%/*}"
  shift 4
done
sync "$folder/machine.xml" "$folder"`;

/** Takes it away. $1 the activation's folder, $2 private bridge or "-"; then files. */
export const removeScript = `set -eu
folder=$1 bridge=$2
shift 2
if [ "$bridge" != - ] && [ -d "/sys/class/net/$bridge" ]; then ip link del "$bridge"; fi
for file in "$@"; do rm -f "$file"; done
rm -rf "$folder"`;

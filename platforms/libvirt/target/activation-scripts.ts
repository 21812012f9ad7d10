/**
 * Ends a merge that runs, and waits until it has: it is done again later, and a failover does not wait for it to be done. $1 the replica's folder.
 * The merge's shell waits for one child at a time, which shares its lock, so both have to go.
 */
export const interruptMergeScript = `
[ -s "$1/merge.pid" ] || exit 0
pid=$(cat "$1/merge.pid")
tr '\\000' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$1" || exit 0
children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
kill $pid $children 2>/dev/null || :
flock -w 30 "$1/merge.lock" true`;

/** The place of a machine's disk is taken by a file that no failover of this replica made. */
export const foreignFileExit = 77;

/** `ours FILE IMAGE`: whether nothing is there, or an overlay on that image or another one of the same disk of this replica. Everything in the activation's own folder is. */
const ours = `ours() {
  case $1 in "$folder"/*) return 0 ;; esac
  [ -e "$1" ] || [ -L "$1" ] || return 0
  on=$(qemu-img info -U --output=json "$1" 2>/dev/null | sed -n 's/^    "backing-filename": "\\(.*\\)",*$/\\1/p')
  [ "\${on%/*}" = "\${2%/*}" ]
}`;

/**
 * Makes what an activated machine writes to, anew. $1 the activation's folder, $2 private bridge or "-"; $3 the file for its firmware's variables or "-", $4 their content, packed, or "-", $5 its SHA-256;
 * then for each disk: file, size, the layer beneath, record's name or "-". Standard input: the machine's definition, kept as `machine.xml` in the folder.
 * Exits with `foreignFileExit`, and says which, where something else lies at a disk's place: that is left as it is. Prints "damaged" when the variables are not what their digest says: they are not taken then.
 * The record of changes is in the image before the machine starts, so that no write can be missed.
 */
export const prepareScript = `set -eu
umask 066
folder=$1 bridge=$2 nvram=$3 content=$4 digest=$5
shift 5
${ours}
mkdir -p "$folder"
cat >"$folder/machine.xml"
if [ "$bridge" != - ]; then
  [ -d "/sys/class/net/$bridge" ] || ip link add "$bridge" type bridge
  ip link set "$bridge" up
fi
if [ "$nvram" != - ] && [ "$content" != - ]; then
  mkdir -p "\${nvram%/*}"
  gzip -dc "$content" >"$nvram.new" || :
  if [ "$(sha256sum <"$nvram.new" | cut -c 1-64)" = "$digest" ]; then
    chmod 600 "$nvram.new"
    sync "$nvram.new"
    mv -f "$nvram.new" "$nvram"
    sync "\${nvram%/*}"
  else
    rm -f "$nvram.new"
    echo damaged
  fi
fi
while [ $# -gt 0 ]; do
  ours "$1" "$3" || { echo "$1" >&2; exit ${foreignFileExit}; }
  rm -f "$1" "$1.understudy"
  qemu-img create -q -f qcow2 -u -b "$3" -F qcow2 "$1.understudy" "$2" >&2
  if [ "$4" != - ]; then qemu-img bitmap --add -g 65536 -f qcow2 "$1.understudy" "$4" >&2; fi
  sync "$1.understudy"
  # Whole or not at all, so that an interrupted attempt's is known again; and never over what somebody has put there since.
  mv -n "$1.understudy" "$1" || :
  [ ! -e "$1.understudy" ] || { rm -f "$1.understudy"; echo "$1" >&2; exit ${foreignFileExit}; }
  sync "\${1%/*}"
  shift 4
done
sync "$folder/machine.xml" "$folder"`;

/** Takes it away, and the folder around it when it was the last. $1 the activation's folder, $2 private bridge or "-"; then for each disk: file, the layer beneath. A file that is not an overlay of this replica's stays. */
export const removeScript = `set -eu
folder=$1 bridge=$2
shift 2
${ours}
if [ "$bridge" != - ] && [ -d "/sys/class/net/$bridge" ]; then ip link del "$bridge"; fi
while [ $# -gt 0 ]; do
  if ours "$1" "$2"; then rm -f "$1"; fi
  rm -f "$1.understudy"
  shift 2
done
rm -rf "$folder"
rmdir "\${folder%/*}" 2>/dev/null || :`;

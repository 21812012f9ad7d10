/** A revision that is not the expected one: somebody else has written. */
export const conflictExit = 75;
/** The merge would touch a layer that a machine runs on. */
export const pinnedExit = 76;

/**
 * One durable change of a replica: files first, each flushed and renamed into place, then `replica.json`, then what nobody needs any more goes.
 * Dying anywhere leaves the old state or the new one.
 *
 * $1 root; $2 the revision that must be there ("none": no replica yet); $3 the length of the new `replica.json` in base64; $4 "exclusive": not while a merge runs, else "shared".
 * Standard input: base64 of the new `replica.json`, then base64 of the bytes that `write` and `append` take, in order. Then operations:
 * `folder PATH` · `image PATH SIZE BACKING|-` · `write PATH LENGTH` · `append PATH AT LENGTH` (what is behind AT goes) · `sync PATH` · `flush PATH` (alias) · `drop PATH` (before the state) · `remove PATH` (after it) · `tidy PATH` (after it: a folder, when it is empty)
 */
export const changeScript = `set -eu
root=$1 expected=$2 length=$3 mode=$4
shift 4
umask 066
if [ "$expected" = none ]; then mkdir -p "$root/points" "$root/disks"; fi
if [ ! -d "$root" ]; then exit ${conflictExit}; fi
if [ "$mode" = exclusive ]; then exec 8>"$root/merge.lock"; flock 8; fi
exec 9>"$root/state.lock"
flock 9
found=none
if [ -e "$root/replica.json" ]; then found=$(sed -n 's/^  "revision": \\([0-9]*\\),*$/\\1/p' "$root/replica.json"); fi
if [ "$found" != "$expected" ]; then exit ${conflictExit}; fi
# Not in a file yet: where the disk is full, what is dropped makes the room for it.
state=$(head -c "$length")
[ "\${#state}" -eq "$length" ] || { echo "the new state came incomplete" >&2; exit 1; }
base64 -d >"$root/bytes.new"
at=1
take() { tail -c "+$at" "$root/bytes.new" | head -c "$1"; at=$((at + $1)); }
removed=
while [ $# -gt 0 ]; do
  case $1 in
    folder) mkdir -p "$2"; shift 2 ;;
    image)
      rm -f "$2"
      if [ "$4" = - ]; then qemu-img create -q -f qcow2 "$2" "$3" >&2
      else qemu-img create -q -f qcow2 -u -b "$4" -F qcow2 "$2" "$3" >&2; fi
      shift 4 ;;
    write) take "$3" >"$2.new"; sync "$2.new"; mv -f "$2.new" "$2"; sync "\${2%/*}"; shift 3 ;;
    append)
      touch "$2"; truncate -s "$3" "$2"; take "$4" >>"$2"
      [ "$(wc -c <"$2")" -eq "$(($3 + $4))" ] || { echo "writing $2: No space left on device" >&2; exit 1; }
      sync "$2"; shift 4 ;;
    sync) sync "$2"; shift 2 ;;
    drop) rm -rf "$2"; shift 2 ;;
    remove | tidy) break ;;
    *) echo "unknown operation $1" >&2; exit 2 ;;
  esac
done
rm -f "$root/bytes.new"
printf %s "$state" | base64 -d >"$root/replica.json.new"
sync "$root/replica.json.new"
mv -f "$root/replica.json.new" "$root/replica.json"
sync "$root"
while [ $# -gt 0 ]; do
  if [ "$1" = tidy ]; then rmdir "$2" 2>/dev/null || :; else rm -rf "$2"; fi
  shift 2
done`;

/**
 * Merges each image into the one beneath, then puts the result in the upper one's place by one rename, so that no image above has to change. Whoever reads at the
 * upper layer finds every merged block in the upper image until then: dying anywhere harms nobody, and doing it again ends the same.
 *
 * $1 root; $2 number of the lower layer; then for each disk five words: `merge`, `cover` (the upper digest file speaks for the whole disk) or `drop` (nothing above continues the lower image),
 * folder, lower name, upper name (without suffix), and QEMU's description of the upper image on the lower one alone.
 */
export const mergeScript = `set -eu
root=$1 lower=$2
shift 2
exec 8>"$root/merge.lock"
flock 8
echo $$ >"$root/merge.pid"
pinned=$(sed -n 's/^  "pinnedUpTo": \\(-*[0-9]*\\),*$/\\1/p' "$root/replica.json")
[ "$lower" -gt "$pinned" ] || exit ${pinnedExit}
while [ $# -gt 0 ]; do
  how=$1 from=$2/$3 into=$2/$4 image=$5
  if [ "$how" = drop ]; then
    rm -f "$from.qcow2" "$from.digests"
  else
    if [ -e "$from.qcow2" ]; then
      qemu-img commit -q -d "$image" >&2
      sync "$from.qcow2"
      if [ "$how" = merge ] && [ -e "$from.digests" ]; then
        cat "$from.digests" >"$into.digests.new"
        if [ -e "$into.digests" ]; then tail -c +17 "$into.digests" >>"$into.digests.new"; fi
        sync "$into.digests.new"
        mv -f "$into.digests.new" "$into.digests"
      fi
      mv -f "$from.qcow2" "$into.qcow2"
      sync "$2"
    fi
    rm -f "$from.digests"
  fi
  shift 5
done`;

/** Both begin with this: ends the daemon whose sockets are `$1`, and no other process that may have got its number. */
const endOne = `
end_daemon() {
  if [ -s "$1.pid" ]; then
    pid=$(cat "$1.pid")
    tries=0
    while tr '\\000' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "path=$1.qmp,"; do
      case $tries in 0) kill "$pid" || : ;; 200) kill -9 "$pid" || : ;; 400) echo "storage daemon $pid does not end" >&2; exit 1 ;; esac
      tries=$((tries + 1))
      sleep 0.01
    done
  fi
  rm -f "$1.pid" "$1.qmp" "$1.nbd"
}`;

/** $1 folder of the sockets; then a name for each disk. Ends what runs there and starts one storage daemon a disk. It lives on when the SSH connection goes. */
export const startDaemonsScript = `set -eu
${endOne}
mkdir -p -m 700 "$1"
folder=$1
shift
for disk in "$@"; do
  at=$folder/$disk
  end_daemon "$at"
  qemu-storage-daemon --daemonize --pidfile "$at.pid" \\
    --chardev "socket,path=$at.qmp,server=on,wait=off,id=qmp" --monitor chardev=qmp \\
    --nbd-server "addr.type=unix,addr.path=$at.nbd"
done`;

/** $1 folder of the sockets. Ends every daemon there. */
export const endDaemonsScript = `set -eu
${endOne}
[ -d "$1" ] || exit 0
for pid in "$1"/*.pid; do
  [ -e "$pid" ] || continue
  end_daemon "\${pid%.pid}"
done
rm -rf "$1"`;

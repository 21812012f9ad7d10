import { Fault, isFault } from "#domain/fault.ts";
import type { MachineId } from "#domain/ids.ts";
import type { HostConnection } from "../host.ts";

/** How long a guest may stay frozen, whatever happens to this worker: then the host itself thaws it. Also how long its hooks may take. */
export const freezeLimitSeconds = 10;

/**
 * Runs `work` while the guest's file systems are frozen by its agent (with its hooks), and thaws them, whatever becomes of `work`. Before the freeze
 * a watchdog is started on the host that thaws after `limitSeconds` and does not give up before the agent confirms it: neither a dead worker, nor a lost
 * connection, nor a hook that ends late leaves the guest frozen.
 * Rejects with `GUEST_FREEZE_FAILED` when the guest could not be frozen (`work` has not run), or did not stay frozen until `work` had ended.
 */
export const whileFrozen = async <Value>(
  host: HostConnection,
  request: { readonly machine: MachineId; readonly folder: string; readonly limitSeconds: number },
  signal: AbortSignal,
  work: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly frozenMs: number }> => {
  const { machine, folder, limitSeconds } = request;
  const args = [machine, folder, limitSeconds.toString()];
  const began = performance.now();
  try {
    await host.run(freezeScript, args, {
      signal,
      timeoutMs: (limitSeconds + 5) * 1_000,
      purpose: `freeze the guest of machine ${machine}`,
    });
  } catch (error) {
    if (isFault(error) && error.code === "CANCELLED") throw error;
    // The watchdog stays: the guest's agent may get round to freezing only now.
    throw freezeFault(host.name, machine, error);
  }
  let value: Value;
  try {
    value = await work();
  } catch (error) {
    await thaw(host, args, machine).catch(() => undefined); // The watchdog does it; `error` is what the caller must hear.
    throw error;
  }
  const thawed = await thaw(host, args, machine);
  if (!thawed.wasFrozen)
    throw new Fault(
      "GUEST_FREEZE_FAILED",
      `The guest of machine ${machine} on host ${host.name} was not frozen any more when its instant had been taken (limit: ${limitSeconds.toString()} s). Is the host overloaded, or does something else thaw it?`,
      { details: { host: host.name, machine, limitSeconds } },
    );
  return { value, frozenMs: Math.round(performance.now() - began) };
};

/** Not cancelled with the caller: a guest must not stay frozen because somebody lost interest. */
const thaw = async (
  host: HostConnection,
  args: readonly string[],
  machine: MachineId,
): Promise<{ readonly wasFrozen: boolean }> => {
  const { stdout } = await host.run(thawScript, args, {
    signal: AbortSignal.timeout(20_000),
    timeoutMs: 15_000,
    purpose: `thaw the guest of machine ${machine}`,
  });
  return { wasFrozen: stdout.trim() === "frozen" };
};

/**
 * The agent answers in order: once it confirms a thaw, no freeze asked for before can still be coming.
 * `call_off PID`: ends that watchdog, if it still is the one of this machine; the number may be another process's by now.
 */
const agent = `
ask() { virsh -q -c qemu:///system qemu-agent-command "$1" "{\\"execute\\":\\"guest-fsfreeze-$2\\"}" --timeout "$3"; }
call_off() {
  [ -n "$1" ] || return 0
  tr '\\000' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- " understudy-thaw $machine " || return 0
  kill -- "-$1" 2>/dev/null || :
}
`;

const freezeScript = `${agent}
machine=$1 pidfile=$2/thaw.pid limit=$3
mkdir -p "$2"
# Pinging first: a guest without an agent is told apart from one that cannot freeze. The watchdog of an earlier attempt stays where there is no answer:
# its freeze may be coming yet.
virsh -q -c qemu:///system qemu-agent-command "$machine" '{"execute":"guest-ping"}' --timeout 5 >/dev/null || exit 3
earlier=$(cat "$pidfile" 2>/dev/null)
setsid sh -c '
machine=$1 limit=$2 pidfile=$3
finish() { if [ "$(cat "$pidfile" 2>/dev/null)" = $$ ]; then rm -f "$pidfile"; fi; exit "$1"; }
sleep "$limit"
tries=0
until virsh -q -c qemu:///system qemu-agent-command "$machine" "{\\"execute\\":\\"guest-fsfreeze-thaw\\"}" --timeout 5 >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -gt 3600 ] && finish 1
  [ "$(virsh -q -c qemu:///system domstate "$machine" 2>/dev/null)" = "shut off" ] && finish 0
  sleep 1
done
finish 0
' understudy-thaw "$machine" "$limit" "$pidfile" </dev/null >/dev/null 2>&1 &
watchdog=$!
echo "$watchdog" >"$pidfile"
# Only now, so that at no moment nobody is there to thaw; and before the freeze, so that it does not end that.
call_off "$earlier"
if ! ask "$machine" freeze "$limit" >/dev/null; then
  if ask "$machine" thaw 2 >/dev/null 2>&1; then call_off "$watchdog"; rm -f "$pidfile"; fi
  exit 5
fi
`;

const thawScript = `${agent}
machine=$1 pidfile=$2/thaw.pid
status=$(ask "$machine" status 5) || status=
ask "$machine" thaw 5 >/dev/null || exit 4
if [ -e "$pidfile" ]; then call_off "$(cat "$pidfile")"; rm -f "$pidfile"; fi
case $status in *'"frozen"'*) echo frozen ;; *) echo thawed ;; esac
`;

const freezeFault = (host: string, machine: MachineId, error: unknown): Fault => {
  const said = error instanceof Error ? error.message : String(error);
  const cure = /not (configured|connected|responding)|unresponsive|Guest agent/i.test(said)
    ? "Install and start qemu-guest-agent in the guest (its channel org.qemu.guest_agent.0 must be in the machine's definition), or turn app-consistent points off in the policy."
    : "Look at the guest's freeze hooks (/etc/qemu/fsfreeze-hook.d) and at its agent's log, or turn app-consistent points off in the policy.";
  return new Fault(
    "GUEST_FREEZE_FAILED",
    `The guest of machine ${machine} on host ${host} could not be frozen for an app-consistent point: ${said} ${cure}`,
    { cause: error, details: { host, machine } },
  );
};

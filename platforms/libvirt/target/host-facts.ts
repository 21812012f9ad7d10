import type { StoreHost } from "./host-store.ts";

/** What a definition may name that another host lacks. */
export interface HostFacts {
  readonly files: ReadonlySet<string>;
  readonly networks: ReadonlySet<string>;
  readonly bridges: ReadonlySet<string>;
  readonly kvm: boolean;
  /** The program that emulates a TPM. */
  readonly swtpm: boolean;
  /** The first of QEMU's usual places that exists, by the name of the emulator asked for. */
  readonly emulator: string | undefined;
}

/** $1 name of the emulator's program; then files to look for. */
const script = `
emulator=$1
shift
for file in "$@"; do
  if [ -e "$file" ]; then printf 'file %s\\n' "$file"; elif [ -L "$file" ]; then printf 'dangling %s\\n' "$file"; fi
done
for candidate in "/usr/bin/$emulator" "/usr/libexec/$emulator" /usr/libexec/qemu-kvm /usr/bin/qemu-kvm /usr/bin/kvm; do
  if [ -x "$candidate" ]; then printf 'emulator %s\\n' "$candidate"; break; fi
done
if command -v swtpm >/dev/null 2>&1; then echo swtpm; fi
if [ -w /dev/kvm ]; then echo kvm; fi
for bridge in /sys/class/net/*/bridge; do
  [ -e "$bridge" ] || continue
  bridge=\${bridge%/bridge}
  printf 'bridge %s\\n' "\${bridge##*/}"
done
virsh -q net-list --all --name | sed -n 's/^ *\\([^ ].*[^ ]\\) *$/network \\1/p; s/^\\([^ ]\\)$/network \\1/p'`;

/** `dangling`: of the files asked for, links that lead nowhere: nothing can be read there, and their place is taken. */
export const readHostFacts = async (
  host: StoreHost,
  request: { readonly emulator: string; readonly files: readonly string[] },
  signal: AbortSignal,
): Promise<HostFacts & { readonly dangling: ReadonlySet<string> }> => {
  const { stdout } = await host.run(script, [request.emulator, ...request.files], {
    purpose: "see what the machine's definition needs and the host has",
    timeoutMs: 30_000,
    signal,
  });
  const lines = stdout.split("\n");
  const named = (kind: string): readonly string[] =>
    lines.flatMap((line) => (line.startsWith(`${kind} `) ? [line.slice(kind.length + 1)] : []));
  return {
    files: new Set(named("file")),
    dangling: new Set(named("dangling")),
    networks: new Set(named("network")),
    bridges: new Set(named("bridge")),
    kvm: lines.includes("kvm"),
    swtpm: lines.includes("swtpm"),
    emulator: named("emulator")[0],
  };
};

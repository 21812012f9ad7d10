import { spawn, type ChildProcess } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import ssh2 from "ssh2";
import type { Host } from "#domain/configuration.ts";
import { hostName } from "#domain/ids.ts";

/**
 * A small SSH server that runs commands on this machine, after a profile that prints, allows 10 sessions a connection as sshd does, and finds a `virsh` of ours first. It answers
 * `domstate` and `qemu-monitor-command`, and frames and buffers as the real one does.
 */
export interface SshServer extends AsyncDisposable {
  readonly host: Host;
  readonly folder: string;
  /** How often somebody logged in. */
  logins(): number;
  /** What stands in the place of the login's shell from now on: a line of sh, which ends the session. */
  shell: string | undefined;
  /** What becomes of a connection that is asked for through this host; "silent": nothing, as where packets get lost beyond it. */
  forwarding: "works" | "refused" | "silent";
  /** How often one was asked for. */
  forwards(): number;
  /** Every connection breaks at once; new ones are welcome. */
  dropAll(): void;
}

const fakeVirsh = `#!/bin/sh
domstate() { case $1 in gone) echo "error: failed to get domain 'gone'" >&2 ;; reconnect) echo "error: Disconnected from qemu:///system due to end of file" >&2; echo "error: Reconnected to the hypervisor" >&2; printf 'running\\n' ;; die) echo "error: failed to connect to the hypervisor" >&2; exit 1 ;; lost) if [ -e "$0.lost" ]; then printf 'running\\n'; else : >"$0.lost"; echo "error: failed to get domain 'lost'" >&2; fi ;; hang) sleep 3 ;; *) printf 'state of %s\\n' "$1" ;; esac; }
qemu_monitor_command() { case $2 in *bad*) printf '{"id":"1","error":{"class":"GenericError","desc":"no such node"}}\\n' ;; *) printf '{"return":%s,"id":"1"}\\n' "$2" ;; esac; }
say() { if [ "$1" = --err ]; then printf '%s' "$2" >&2; else printf '%s' "$1"; fi; }
alias echo=say
while IFS= read -r line; do
  printf 'virsh # %s\\n' "$line"
  case $line in *"'bogus'"*) echo "error: unknown command: 'bogus'" >&2; continue ;; esac
  eval "$(printf '%s' "$line" | sed -e 's/^echo /say /' -e 's/; echo /; say /g' -e "s/; 'domstate'/; domstate/" -e "s/; 'qemu-monitor-command'/; qemu_monitor_command/")"
done
`;

export const startSshServer = async (): Promise<SshServer> => {
  const folder = await mkdtemp(path.join(tmpdir(), "understudy-ssh-"));
  const hostKeys = ssh2.utils.generateKeyPairSync("ed25519");
  const userKeys = ssh2.utils.generateKeyPairSync("ed25519");
  const identityFile = path.join(folder, "id");
  await writeFile(identityFile, userKeys.private, { mode: 0o600 });
  await writeFile(path.join(folder, "virsh"), fakeVirsh);
  await chmod(path.join(folder, "virsh"), 0o755);
  const allowed = ssh2.utils.parseKey(userKeys.public);
  if (allowed instanceof Error) throw allowed;
  const connections = new Set<ssh2.Connection>();
  const children = new Set<ChildProcess>();
  let logins = 0;
  let forwards = 0;
  const server = new ssh2.Server({ hostKeys: [hostKeys.private] }, (client) => {
    connections.add(client);
    client.on("error", () => undefined);
    client.on("close", () => connections.delete(client));
    client.on("authentication", (context) => {
      const known =
        context.method === "publickey" &&
        context.key.data.equals(allowed.getPublicSSH()) &&
        (context.signature === undefined ||
          context.blob === undefined ||
          allowed.verify(context.blob, context.signature, context.hashAlgo) === true);
      if (known) context.accept();
      else context.reject(["publickey"]);
    });
    client.on("ready", () => {
      logins += 1;
    });
    let sessions = 0;
    client.on("session", (accept, reject) => {
      if (sessions >= 10) {
        reject();
        return;
      }
      sessions += 1;
      const session = accept();
      let child: ChildProcess | undefined;
      session.on("close", () => {
        sessions -= 1;
      });
      session.on("signal", (_accept, _reject, { name }) => {
        if (child?.pid !== undefined) process.kill(-child.pid, `SIG${name}` as NodeJS.Signals);
      });
      session.on("exec", (acceptExec, _rejectExec, { command }) => {
        const channel = acceptExec();
        const started = spawn("sh", ["-c", `echo Welcome to this host; ${made.shell ?? command}`], {
          detached: true,
          env: { ...process.env, PATH: `${folder}:${process.env["PATH"] ?? ""}` },
        });
        child = started;
        children.add(started);
        channel.on("error", () => undefined);
        started.stdin.on("error", () => undefined);
        channel.pipe(started.stdin);
        started.stdout.pipe(channel, { end: false });
        started.stderr.pipe(channel.stderr, { end: false });
        started.on("close", (code) => {
          children.delete(started);
          channel.exit(code ?? 255);
          channel.end();
        });
      });
    });
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      forwards += 1;
      if (made.forwarding === "refused") reject();
      if (made.forwarding !== "works") return;
      const socket = connect(destPort, destIP);
      socket.once("error", reject);
      socket.once("connect", () => {
        const channel = accept();
        channel.on("error", () => undefined);
        socket.pipe(channel).pipe(socket);
        channel.on("close", () => socket.destroy());
      });
    });
    // The types lack this event of OpenSSH's extension.
    (client as unknown as NodeJS.EventEmitter).on(
      "openssh.streamlocal",
      (accept: () => ssh2.ServerChannel, reject: () => void, { socketPath }: { readonly socketPath: string }) => {
        const socket = connect(socketPath);
        socket.once("error", reject);
        socket.once("connect", () => {
          const channel = accept();
          channel.on("error", () => undefined);
          socket.pipe(channel).pipe(socket);
          channel.on("close", () => socket.destroy());
        });
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server listens on no port");
  const made: SshServer = {
    shell: undefined,
    forwarding: "works",
    forwards: () => forwards,
    host: {
      name: hostName("paris1"),
      kind: "libvirt",
      address: "127.0.0.1",
      port: address.port,
      user: "root",
      hostKey: hostKeys.public,
      identityFile,
      store: "/var/lib/understudy",
    },
    folder,
    logins: () => logins,
    dropAll() {
      for (const connection of connections) connection.end();
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.end();
      for (const { pid } of children)
        if (pid !== undefined)
          try {
            process.kill(-pid, "SIGKILL");
          } catch {
            // Ended by itself.
          }
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await rm(folder, { recursive: true });
    },
  };
  return made;
};

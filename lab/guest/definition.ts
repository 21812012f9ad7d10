import { consoleFolder } from "../hosts/host-files.ts";
import { kernelArguments } from "./kernel-arguments.ts";

export type DiskBus = "virtio" | "scsi" | "sata";

/** A machine as libvirt is told of it. */
export interface GuestDefinition {
  readonly name: string;
  readonly uuid: string;
  readonly memoryMib: number;
  readonly firmware: "bios" | "uefi";
  /** Present: QEMU starts this kernel itself. Absent: the machine boots from its first disk. */
  readonly directKernel?: { readonly kernel: string; readonly initrd: string };
  readonly disks: readonly { readonly file: string; readonly format: "qcow2" | "raw"; readonly bus: DiskBus }[];
  readonly adapters: readonly { readonly mac: string; readonly bridge: string }[];
}

/** libvirt's XML for a guest: q35, emulated processor, guest agent, and the port its acknowledged writes leave through. Console and acknowledgements go to files. */
export const definitionXml = (guest: GuestDefinition): string => `<domain type='qemu'>
  <name>${escape(guest.name)}</name>
  <uuid>${guest.uuid}</uuid>
  <memory unit='MiB'>${guest.memoryMib}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
${osLines(guest).map(indent(4)).join("\n")}
  </os>
  <features><acpi/><smm state='off'/></features>
  <cpu mode='maximum'/>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
${deviceLines(guest).map(indent(4)).join("\n")}
    <controller type='usb' model='none'/>
    <controller type='virtio-serial' index='0'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='file'>
      <source path='${ackFile(guest.name)}' append='on'/>
      <target type='virtio' name='understudy.ack'/>
    </channel>
    <serial type='file'><source path='${consoleFile(guest.name)}' append='on'/><target port='0'/></serial>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <memballoon model='none'/>
  </devices>
</domain>
`;

/** On the host: what the guest says on its console, from all its runs. */
export const consoleFile = (machine: string): string => `${consoleFolder}/${machine}.console`;
/** On the host: the writes the guest acknowledged, from all its runs. */
export const ackFile = (machine: string): string => `${consoleFolder}/${machine}.acks`;

const osLines = (guest: GuestDefinition): readonly string[] => {
  const { directKernel, firmware } = guest;
  return [
    ...(firmware === "uefi"
      ? [
          "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>",
          "<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'/>",
        ]
      : []),
    ...(directKernel === undefined
      ? ["<boot dev='hd'/>"]
      : [
          `<kernel>${escape(directKernel.kernel)}</kernel>`,
          `<initrd>${escape(directKernel.initrd)}</initrd>`,
          `<cmdline>${kernelArguments}</cmdline>`,
        ]),
  ];
};

const deviceLines = (guest: GuestDefinition): readonly string[] => {
  const letter = (index: number): string => String.fromCodePoint(97 + index);
  return [
    ...guest.disks.flatMap(({ file, format, bus }, index) => [
      "<disk type='file' device='disk'>",
      `  <driver name='qemu' type='${format}' discard='unmap' cache='writeback'/>`,
      `  <source file='${escape(file)}'/>`,
      `  <target dev='${bus === "virtio" ? "vd" : "sd"}${letter(index)}' bus='${bus}'/>`,
      "</disk>",
    ]),
    ...(guest.disks.some(({ bus }) => bus === "scsi")
      ? ["<controller type='scsi' index='0' model='virtio-scsi'/>"]
      : []),
    ...guest.adapters.flatMap(({ mac, bridge }) => [
      "<interface type='bridge'>",
      `  <mac address='${mac}'/>`,
      `  <source bridge='${escape(bridge)}'/>`,
      "  <model type='virtio'/>",
      "  <rom enabled='no'/>",
      "</interface>",
    ]),
  ];
};

const indent =
  (by: number) =>
  (line: string): string =>
    " ".repeat(by) + line;

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("'", "&apos;");

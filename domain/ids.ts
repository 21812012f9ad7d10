/** Branded strings, so that an item's name is never taken for a machine's or a cut's. */
type Brand<Value, Name extends string> = Value & { readonly __brand: Name };

/** The protected item's name, unique in the configuration; also its workflow's id (`item/<name>`). */
export type ItemName = Brand<string, "ItemName">;
export type SiteName = Brand<string, "SiteName">;
export type HostName = Brand<string, "HostName">;
/** What the platform itself calls the machine and never changes (libvirt: the domain's UUID). */
export type MachineId = Brand<string, "MachineId">;
/** The disk's place in its machine (libvirt: the target device, `vda`). */
export type DiskId = Brand<string, "DiskId">;
/** One instant of the source. Made once, by the source's worker; part of tracking bitmaps' names. */
export type CutId = Brand<string, "CutId">;
/** A replica: one item's copy at one site. */
export type ReplicaId = Brand<string, "ReplicaId">;
/** One activation of a replica: test, planned or unplanned. */
export type FailoverId = Brand<string, "FailoverId">;
/** An instant in ISO 8601, UTC, with milliseconds. */
export type Instant = Brand<string, "Instant">;

export const itemName = (value: string): ItemName => value as ItemName;
export const siteName = (value: string): SiteName => value as SiteName;
export const hostName = (value: string): HostName => value as HostName;
export const machineId = (value: string): MachineId => value as MachineId;
export const diskId = (value: string): DiskId => value as DiskId;
export const cutId = (value: string): CutId => value as CutId;
export const replicaId = (value: string): ReplicaId => value as ReplicaId;
export const failoverId = (value: string): FailoverId => value as FailoverId;
export const instant = (epochMs: number): Instant => new Date(epochMs).toISOString() as Instant;

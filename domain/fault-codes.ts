/** Every way something can go wrong that a person or a workflow acts on. The table beside it (`fault-table.ts`) says what each means. */
export const faultCodes = [
  // input and configuration
  "INVALID_INPUT",
  "CONFIG_INVALID",
  "ITEM_NOT_FOUND",
  "JOB_NOT_FOUND",
  "POINT_NOT_FOUND",
  "OPERATION_NOT_ALLOWED",
  "JOB_RUNNING",
  "PREREQUISITES_FAILED",
  // reaching a host
  "HOST_UNREACHABLE",
  "HOST_KEY_MISMATCH",
  "AUTHENTICATION_FAILED",
  "PERMISSION_DENIED",
  "COMMAND_TIMED_OUT",
  "COMMAND_FAILED",
  "HYPERVISOR_UNAVAILABLE",
  // the machine and its disks
  "MACHINE_NOT_FOUND",
  "MACHINE_NOT_RUNNING",
  "MACHINE_RUNNING",
  "DISK_NOT_TRACKABLE",
  "NETWORK_NOT_FOUND",
  "GUEST_FREEZE_FAILED",
  "FIRMWARE_NOT_CARRIED",
  "SHUTDOWN_TIMED_OUT",
  "POWER_ON_FAILED",
  // tracking and cuts
  "TRACKING_LOST",
  "CUT_BROKEN",
  "CUT_NOT_FOUND",
  // the replica
  "REPLICA_NOT_FOUND",
  "REPLICA_BUSY",
  "REPLICA_INVALID",
  "STALE_EPOCH",
  "CHAIN_BROKEN",
  "DIGEST_MISMATCH",
  "STORE_FULL",
  "RESYNC_REQUIRED",
  "RPO_EXCEEDED",
  "FAILOVER_NOT_FOUND",
  // the way between
  "PEER_UNREACHABLE",
  "PEER_NOT_ALLOWED",
  "PEER_INCOMPATIBLE",
  "CONNECTION_LOST",
  "TLS_FAILED",
  "NBD_FAILED",
  // ours
  "TEMPORAL_UNREACHABLE",
  "WORKER_UNAVAILABLE",
  "CANCELLED",
  "INTERNAL",
] as const;
export type FaultCode = (typeof faultCodes)[number];

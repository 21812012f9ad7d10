/** What a session may be tuned by. */
export interface StreamTuning {
  /** How much may be sent again after a break (there is a checkpoint every 5 s too). */
  readonly checkpointBytes: number;
}

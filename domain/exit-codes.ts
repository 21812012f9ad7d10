/** The command line's exit codes: one for each thing a script would do next. Documented in docs/cli.md. */
export const exitCodes = {
  ok: 0,
  /** Ours: report it. */
  internal: 1,
  /** The command, the configuration or an argument is wrong: correct it. */
  usage: 2,
  /** The item, point, job or machine that was named does not exist. */
  notFound: 3,
  /** The item's state forbids it, or another job runs: wait, or do something else. */
  refused: 4,
  /** Something outside is not as it must be (a prerequisite, a permission, space): cure it and try again. */
  prerequisite: 5,
  /** A host, a site or Temporal cannot be reached: try again later. */
  unreachable: 6,
  timedOut: 7,
  /** What is stored or tracked cannot be trusted: verify or resynchronize before anything else. */
  integrity: 8,
  /** The job was cancelled. */
  cancelled: 9,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * What to type when the demo is kept: a look around, then the way home from the disaster it ended with, then its end. Every line can be pasted into a
 * shell.
 */
export const nextCommands = (kept: {
  readonly item: string;
  readonly home: string;
  readonly temporalAddress: string;
  /** The lab's id, or how the simulated one is called. */
  readonly lab: string;
  /** Of this stage only. */
  readonly look?: readonly string[];
}): readonly string[] => {
  const { item, home, temporalAddress, lab, look = [] } = kept;
  return [
    `export TEMPORAL_ADDRESS=${temporalAddress}`,
    `./bin/understudy status ${item}`,
    "./bin/understudy jobs",
    `./bin/understudy points ${item}`,
    "./bin/understudy configuration     # as a file: change it, and give it to: understudy apply -f FILE",
    ...look,
    "",
    `# ${home} is still dead. Bring its host and its worker back, and the machine home:`,
    `./bin/understudy lab revive ${home} --id ${lab}`,
    `./bin/understudy reprotect ${item}     # the host that was lost becomes the replica`,
    `./bin/understudy failback ${item}`,
    `./bin/understudy commit ${item}`,
    `./bin/understudy reprotect ${item}     # and is protected as in the beginning`,
    "",
    "npm run demo -- --down            # ends all of it",
  ];
};

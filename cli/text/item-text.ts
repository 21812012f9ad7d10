import { bytesText } from "#domain/bytes-text.ts";
import { durationText, progressText } from "./quantities.ts";
import { pairs, table } from "./table.ts";
import { commandLine } from "./verbs.ts";
import { exposedStates, isExposed } from "#domain/exposure.ts";
import type { DiskProgress, ItemView } from "#domain/item-view.ts";
import { scenarioOf } from "#domain/job-scenarios.ts";

const rpoText = (item: ItemView): string => (item.rpoSeconds === undefined ? "" : durationText(item.rpoSeconds * 1000));

/** How much there is to send of a disk is known when its turn comes. */
const diskText = ({ state, bytesDone, bytesTotal }: DiskProgress): string =>
  state === "Queued" && bytesDone === 0 ? state : `${state}, ${progressText(bytesDone, bytesTotal)}`;

const fullRpoText = (item: ItemView): string => {
  if (item.rpoSeconds === undefined) return "-";
  const takenAt = item.lastSealed?.takenAt ?? "-";
  return isExposed(item.state)
    ? `${rpoText(item)} and growing, since the machine began with the point of ${takenAt}`
    : `${rpoText(item)}, newest point of ${takenAt}`;
};

/** Everything that is protected, one line each, and below it what is wrong. */
export const itemsText = (items: readonly ItemView[]): string => {
  if (items.length === 0)
    return "There is no item. Apply a configuration that has some: understudy apply -f site.yaml\n";
  const rows = items.map((item) => [
    item.item,
    item.state,
    item.replicationHealth,
    item.activeSite,
    rpoText(item),
    item.policy,
    item.activeJob === undefined ? "" : scenarioOf(item.activeJob.operation).title,
  ]);
  const trouble = items.flatMap((item) =>
    item.health.map((error) => `${item.item}: ${error.severity}: ${error.message}\n    ${error.action}\n`),
  );
  const head = ["ITEM", "STATE", "HEALTH", "ACTIVE SITE", "RPO", "POLICY", "JOB"];
  return `${table(head, rows)}${trouble.length === 0 ? "" : `\n${trouble.join("")}`}`;
};

/** One item in full: where it is, how it replicates, what is wrong, what can be done now. */
export const itemText = (item: ItemView): string => {
  const facts: (readonly [string, string])[] = [
    ["Item", item.machineName === item.item ? item.item : `${item.item} (machine ${item.machineName})`],
    ["State", isExposed(item.state) ? `${item.state}: ${exposedStates[item.state].short}` : item.state],
    ["Health", item.replicationHealth],
    ["Active site", `${item.activeSite} (primary ${item.primarySite}, secondary ${item.secondarySite})`],
    ["Policy", item.policy],
    ["RPO", fullRpoText(item)],
    ["Test failover", testText(item)],
    ["Epoch", String(item.epoch)],
  ];
  const { lastCycle, activeJob, progress } = item;
  if (lastCycle !== undefined)
    facts.push([
      "Last delta",
      `${bytesText(lastCycle.bytes)} in ${durationText(lastCycle.durationMs)}, ${bytesText(lastCycle.wireBytes)} on the wire`,
    ]);
  if (activeJob !== undefined)
    facts.push([
      "Job",
      `${scenarioOf(activeJob.operation).title}, since ${activeJob.since} (understudy jobs ${activeJob.id})`,
    ]);
  if (progress !== undefined) {
    facts.push(["Replication", [progress.phase, ...(progress.pass === undefined ? [] : [progress.pass])].join(", ")]);
    for (const disk of progress.disks) facts.push([`  ${disk.disk}`, diskText(disk)]);
  }
  const trouble = item.health.map(
    (error) =>
      `\n${error.severity}: ${error.message} [${error.code}, ${error.at}]\n${error.causes.map((cause) => `    cause: ${cause}\n`).join("")}    action: ${error.action}\n`,
  );
  const allowed = item.allowedOperations.map((operation) => `  ${commandLine(operation, item.item)}\n`);
  return `${pairs(facts)}${trouble.join("")}${allowed.length === 0 ? "" : `\nAllowed now:\n${allowed.join("")}`}`;
};

const testText = ({ testFailover, lastSuccessfulTestFailover }: ItemView): string => {
  const last =
    lastSuccessfulTestFailover === undefined ? "none was ever finished" : `last finished ${lastSuccessfulTestFailover}`;
  return testFailover === "none" ? last : `${testFailover}; ${last}`;
};

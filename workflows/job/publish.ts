import type { SearchAttributeUpdatePair } from "@temporalio/common";
import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from "@temporalio/workflow";
import type { JobState, JobTask, JobView } from "#domain/job.ts";
import { itemAttribute, operationAttribute, siteAttribute, stateAttribute } from "#workflows/search-attributes.ts";

const marks: Readonly<Record<JobState, string>> = {
  NotStarted: "◻",
  InProgress: "▶",
  Succeeded: "✔",
  Failed: "✖",
  Cancelled: "⊘",
  Suspended: "⏸",
  PartiallySucceeded: "✔",
  CompletedWithInformation: "✔",
  Skipped: "–",
};

/** Keeps what Temporal's UI and the list of jobs show of a job true. `site`: where the machine ran when the job began, once that is known. */
export function jobPublisher(): (view: JobView, site: string | undefined) => void {
  let listed = "";
  return (view, site) => {
    // Each change is written to the history and to the list's database: only what has changed.
    const attributes = [view.state, site].join();
    if (attributes !== listed) upsertSearchAttributes(attributesOf(view, site));
    listed = attributes;
    upsertMemo({ job: view });
    setCurrentDetails(detailsOf(view));
  };
}

const attributesOf = (view: JobView, site: string | undefined): SearchAttributeUpdatePair[] => [
  { key: itemAttribute, value: view.item },
  { key: operationAttribute, value: view.operation },
  { key: stateAttribute, value: view.state },
  ...(site === undefined ? [] : [{ key: siteAttribute, value: site }]),
];

const detailsOf = (view: JobView): string =>
  [
    `**${view.scenario}** of **${view.item}**: ${view.state}`,
    view.tasks.map(line).join("\n"),
    ...(view.fault === undefined ? [] : [`**${view.fault.code}**: ${view.fault.message} ${view.fault.action}`]),
    ...(view.result?.information ?? []),
  ].join("\n\n");

const line = ({ state, name, detail }: JobTask): string =>
  `- ${marks[state]} ${name}${detail === undefined ? "" : `: ${detail}`}`;

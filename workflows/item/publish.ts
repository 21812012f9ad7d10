import { setCurrentDetails, upsertSearchAttributes } from "@temporalio/workflow";
import type { ItemState } from "#workflows/item/state.ts";
import { viewOf } from "#workflows/item/view.ts";
import { itemAttribute, siteAttribute, stateAttribute } from "#workflows/search-attributes.ts";

/** Keeps what Temporal's UI shows of an item in its list and on its page true, writing history only when it has changed. */
export function itemPublisher(): (state: ItemState) => void {
  let said = "";
  return (state) => {
    const view = viewOf(state);
    const attributes = [view.activeSite, view.state].join();
    if (attributes !== said) {
      said = attributes;
      upsertSearchAttributes([
        { key: itemAttribute, value: view.item },
        { key: siteAttribute, value: view.activeSite },
        { key: stateAttribute, value: view.state },
      ]);
    }
    setCurrentDetails(
      [
        `**${view.machineName}** is **${view.state}**, runs at **${view.activeSite}**, ownership epoch ${view.epoch}.`,
        `Replication health: ${view.replicationHealth}. Policy: ${view.policy}.`,
        view.lastSealed === undefined
          ? "No recovery point yet."
          : `Newest point recorded here: ${view.lastSealed.takenAt}.`,
        view.activeJob === undefined ? "No job is running." : `Running job: \`${view.activeJob.id}\`.`,
        `Allowed now: ${view.allowedOperations.join(", ") || "nothing"}.`,
        ...view.health.map((error) => `- ${error.severity}: ${error.message} ${error.action}`),
      ].join("\n\n"),
    );
  };
}

import { defineSearchAttributeKey } from "@temporalio/common";

/** What makes the list in Temporal's UI readable. SQL visibility allows ten Keyword attributes in a namespace. */
export const itemAttribute = defineSearchAttributeKey("UnderstudyItem", "KEYWORD");
/** The site the item's machine runs at (items), or ran at when the job began (jobs). */
export const siteAttribute = defineSearchAttributeKey("UnderstudySite", "KEYWORD");
export const operationAttribute = defineSearchAttributeKey("UnderstudyOperation", "KEYWORD");
/** An item's protection state, a job's state. */
export const stateAttribute = defineSearchAttributeKey("UnderstudyState", "KEYWORD");

export const searchAttributes = [itemAttribute, siteAttribute, operationAttribute, stateAttribute] as const;

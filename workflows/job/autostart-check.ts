import type { Check } from "#domain/check.ts";
import type { Machine } from "#domain/machine.ts";
import { sourceOf } from "#workflows/item/ends.ts";
import type { ItemState } from "#workflows/item/state.ts";

/** For information, of a machine that its host starts by itself: what becomes of that after a disaster, and how that is changed. */
export function autostartCheck(item: ItemState, { name, autostart }: Machine): readonly Check[] {
  if (autostart !== true) return [];
  const { site, host } = sourceOf(item);
  const check = { name: "autostart", passed: true } as const;
  if (item.configuration.autostart === "understudy") {
    const detail = `After a restart of host ${host} the worker of site ${site} starts ${name}, once it is known that it still lives there.`;
    return [{ ...check, detail }];
  }
  return [
    {
      ...check,
      warning: true,
      detail: `Host ${host} starts ${name} by itself when it boots. When it comes back after an unplanned failover before the worker of site ${site} does, the old machine serves beside the new one until that worker turns it off. To have the machine started by Understudy instead, once it is known that it still lives there, set items.${item.item}.autostart to understudy and apply it.`,
    },
  ];
}

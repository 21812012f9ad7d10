import { z } from "zod";
import {
  absolutePath,
  address,
  duration,
  durationOrOff,
  hostKey,
  list,
  name,
  named,
  object,
  oneOf,
  percent,
  port,
  rate,
  text,
  timeOfDay,
  userName,
} from "./fields.ts";

const endpoint = object({ site: name, network: text("the name of a network or bridge") });
const place = object({ site: name, host: name.optional() });

const jumpHost = object({
  address,
  port: port.optional(),
  user: userName,
  hostKey,
  identityFile: absolutePath.optional(),
});

const host = (kinds: readonly [string, ...string[]]) =>
  object({
    kind: oneOf(kinds),
    address,
    port: port.optional(),
    user: userName.optional(),
    hostKey,
    identityFile: absolutePath.optional(),
    jumpHost: jumpHost.optional(),
    store: absolutePath.optional(),
  });

const site = (kinds: readonly [string, ...string[]]) =>
  object({
    stream: object({ address, port: port.optional() }),
    hosts: named(host(kinds), "hosts"),
  });

const day = oneOf(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);

/** Exported apart, so that a policy can be checked although other parts of the file are wrong. */
export const policySchema = object({
  interval: duration.optional(),
  crashConsistentEvery: duration.optional(),
  appConsistentEvery: durationOrOff.optional(),
  retention: duration.optional(),
  rpoThreshold: duration.optional(),
  bandwidthLimit: rate.optional(),
  bandwidth: list(
    object({ days: list(day, "days").optional(), from: timeOfDay, to: timeOfDay, limit: rate }),
    "windows with from, to and limit",
  ).optional(),
  timeZone: text("a time zone like Europe/Paris").optional(),
  scratch: percent.optional(),
  compression: oneOf(["adaptive", "off"]).optional(),
});
export type WrittenPolicy = z.infer<typeof policySchema>;

const item = object({
  machine: text("the machine's name or id at the primary").optional(),
  primary: place,
  secondary: place,
  policy: name.optional(),
  excludeDisks: list(text("a disk's name in its machine, like vdb"), "disks").optional(),
  shutdownGrace: duration
    .refine((value) => value >= 5 && value <= 3600, {
      error: "must be 5s to 1h: how long a guest may take to shut down",
    })
    .optional(),
  autostart: oneOf(["host", "understudy"]).optional(),
});

/** The file as people write it. `kinds`: the platforms a host may have. */
export const fileSchema = (kinds: readonly [string, ...string[]]) =>
  object({
    version: z.literal(1, {
      error: (issue) =>
        issue.input === undefined ? "is missing; it must be 1" : "must be 1: this release reads no other version",
    }),
    sites: named(site(kinds), "sites"),
    policies: named(policySchema, "policies").optional(),
    networkMappings: list(object({ from: endpoint, to: endpoint }), "mappings with from and to").optional(),
    items: named(item, "items").optional(),
  });
export type WrittenConfiguration = z.infer<ReturnType<typeof fileSchema>>;

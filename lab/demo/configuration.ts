import type { Configuration, Site } from "#domain/configuration.ts";
import { hostName, itemName, siteName } from "#domain/ids.ts";
import { defaultPolicy } from "#domain/policy.ts";

export const home = siteName("paris");
export const away = siteName("lyon");
export const item = itemName("app1");

/** The smallest whole configuration: two sites with a host each, one policy, one item. What differs between the stages is asked for. */
export const demoConfiguration = (options: {
  readonly machineName: string;
  readonly sites: Readonly<Record<"paris" | "lyon", Site>>;
  readonly shutdownGraceSeconds: number;
}): Configuration => ({
  sites: options.sites,
  policies: {
    [defaultPolicy.name]: defaultPolicy,
    demo: {
      name: "demo",
      intervalSeconds: 1,
      crashConsistentEverySeconds: 5,
      appConsistentEverySeconds: 15,
      retentionSeconds: 3600,
      rpoThresholdSeconds: 60,
      bandwidthWindows: [],
      timeZone: "UTC",
      scratchPercent: 20,
      compression: "adaptive",
    },
  },
  networkMappings: [],
  items: {
    [item]: {
      name: item,
      machine: options.machineName,
      primary: { site: home, host: hostName("paris1") },
      secondary: { site: away, host: hostName("lyon1") },
      policy: "demo",
      excludeDisks: [],
      shutdownGraceSeconds: options.shutdownGraceSeconds,
      autostart: "understudy",
    },
  },
});

/** What the item's policy calls too old. */
export const rpoThresholdMs = (stage: { readonly configuration: Configuration }): number => {
  const { policies } = stage.configuration;
  return (policies["demo"] ?? defaultPolicy).rpoThresholdSeconds * 1000;
};

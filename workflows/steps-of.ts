import { type ActivityOptions, proxyActivities, type UntypedActivities } from "@temporalio/workflow";
import type { SiteName } from "#domain/ids.ts";
import { siteQueue } from "#workflows/names.ts";

const sites = new WeakMap<Error, SiteName>();

/** The site whose worker was asked for the step that failed so; Temporal's failures do not say it. */
export const failedAt = (error: Error): SiteName | undefined => sites.get(error);

/** What a site's worker is asked to do. When it fails, `failedAt` knows where. */
export const stepsOf = <Activities extends object>(
  site: SiteName,
  options: Omit<ActivityOptions, "taskQueue">,
): Activities => {
  const activities = proxyActivities<UntypedActivities>({ ...options, taskQueue: siteQueue(site) });
  const steps = new Proxy(activities, {
    get(_activities, name: string) {
      const step = activities[name];
      return (...args: unknown[]) => {
        const done = step?.(...args);
        // Beside whoever waits for it: a promise in between would reach them a moment later than workflows that run now have it in their history.
        done?.catch((error: unknown) => {
          if (error instanceof Error) sites.set(error, site);
        });
        return done;
      };
    },
  });
  return steps as unknown as Activities;
};

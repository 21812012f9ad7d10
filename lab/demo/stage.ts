import type { Configuration } from "#domain/configuration.ts";
import type { ItemName, SiteName } from "#domain/ids.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import type { Ask } from "#lab/bootstrap/ask.ts";
import type { Oracle } from "./oracle.ts";

/** The world the story plays in: two sites with a worker each, Temporal with the configuration applied, and a machine with a writer in it. Disposing of it removes all of it. */
export interface Stage extends AsyncDisposable {
  /** Completes "This is played on …". */
  readonly description: string;
  readonly temporal: { readonly address: string; readonly uiUrl: string };
  readonly configuration: Configuration;
  readonly item: ItemName;
  readonly machineName: string;
  readonly home: SiteName;
  readonly away: SiteName;
  readonly client: UnderstudyClient;
  readonly oracle: Oracle;
  /** The host of that site and the site's worker die at once, as in a power cut. */
  killSite(site: SiteName): Promise<void>;
  /** What to type next when it is kept, with what each does. */
  readonly nextCommands: readonly string[];
  /** Leaves all of it running after this process; disposing does nothing any more. */
  keep(): Promise<void>;
}

/** Builds a stage, or removes what it had made of it and rejects. */
export type StageBuilder = (options: {
  readonly progress: (sentence: string) => void;
  readonly signal: AbortSignal;
  readonly ask?: Ask;
}) => Promise<Stage>;

import type { Configuration } from "#domain/configuration.ts";

const freshForMs = 10_000;

/**
 * The applied configuration, read again after ten seconds. When it cannot be read, what was known last goes on holding: a site works on while Temporal is away.
 */
export function freshConfiguration(read: () => Promise<Configuration>, now = Date.now): () => Promise<Configuration> {
  let known: { readonly configuration: Configuration; readonly at: number } | undefined;
  return async () => {
    if (known !== undefined && now() - known.at < freshForMs) return known.configuration;
    try {
      known = { configuration: await read(), at: now() };
    } catch (error) {
      if (known === undefined) throw error;
      known = { configuration: known.configuration, at: now() };
    }
    return known.configuration;
  };
}

import { homedir } from "node:os";
import { join } from "node:path";

/** What is built or fetched once per user and kept between clones: `$XDG_CACHE_HOME/understudy`, else `~/.cache/understudy`. */
export const cacheFolder = (...below: readonly string[]): string =>
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "understudy", ...below);

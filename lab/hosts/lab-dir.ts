import path from "node:path";

/** The project's cache: built guests, running labs. Safe to delete when no lab runs. */
export const cacheDir = path.resolve(import.meta.dirname, "../../.cache");

/** Where labs keep their state and their hosts' files unless told otherwise. */
export const defaultLabDir = path.join(cacheDir, "lab");

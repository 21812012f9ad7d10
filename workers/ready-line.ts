/** What a worker's process says once it takes work: whoever started it may wait for it. */
export const readyLine = "understudy: ready";

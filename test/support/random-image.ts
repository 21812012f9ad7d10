import { randomBytes } from "node:crypto";

/** Small, fast and the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An image of random runs: noise, text and holes that begin and end anywhere. */
export function randomImage(sizeBytes: number, random: () => number): Buffer {
  const image = Buffer.alloc(sizeBytes);
  for (let offset = 0; offset < sizeBytes;) {
    const end = Math.min(sizeBytes, offset + Math.ceil(random() ** 3 * 600_000));
    const kind = random();
    if (kind < 0.3) randomBytes(end - offset).copy(image, offset);
    else if (kind < 0.5) image.fill("some text that compresses ", offset, end);
    offset = end;
  }
  return image;
}

/** Rewrites a few places of it. */
export function changeImage(image: Buffer, random: () => number, places = 6): Buffer {
  const changed = Buffer.from(image);
  for (let place = 0; place < places; place += 1) {
    const at = Math.floor(random() * changed.length);
    const length = Math.ceil(random() * 20_000);
    if (random() < 0.3) changed.fill(0, at, at + length);
    else randomBytes(length).copy(changed, at);
  }
  return changed;
}

import { expect, test } from "vitest";
import { createNarrator } from "#lab/demo/narrator.ts";

const play = (isTTY: boolean) => {
  let text = "";
  let now = 0;
  const output = { isTTY, columns: 60, write: (more: string) => (text += more) };
  const narrator = createNarrator(output, () => now);
  return { narrator, text: () => text, pass: (ms: number) => (now += ms) };
};

test("stamps each sentence with the time since the start", () => {
  const { narrator, text, pass } = play(false);
  pass(1250);
  narrator.say("Protected.");
  expect(text()).toBe("[   1.3 s]   Protected.\n");
});

test("writes no control characters where nobody looks at a terminal", () => {
  const { narrator, text, pass } = play(false);
  narrator.act("1  Protect");
  pass(5000);
  narrator.progress("copying");
  narrator.say("done");
  expect(text()).not.toContain("\u001B");
});

test("tells progress outside a terminal where nothing else was said for a second", () => {
  const { narrator, text, pass } = play(false);
  for (let step = 0; step < 35; step++) {
    if (step === 15) narrator.say("done");
    narrator.progress(`step ${step}`);
    pass(100);
  }
  expect(text()).toBe("[   1.0 s]   … step 10\n[   1.5 s]   done\n[   2.5 s]   … step 25\n");
});

test("repeats the same progress only every three seconds outside a terminal", () => {
  const { narrator, text, pass } = play(false);
  for (let step = 0; step < 60; step++) {
    narrator.progress("booting");
    pass(100);
  }
  expect(text()).toBe("[   1.0 s]   … booting\n[   4.0 s]   … booting\n");
});

test("replaces progress in place at a terminal and never wraps it", () => {
  const { narrator, text } = play(true);
  narrator.progress("x".repeat(200));
  narrator.say("done");
  const lines = text().split("\n");
  expect(lines[0]).toContain("\r\u001B[K[   0.0 s]   done");
  expect(lines[0]?.split("\r\u001B[K")[1]?.length).toBe(59);
});

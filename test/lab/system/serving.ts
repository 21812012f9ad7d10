import { setTimeout as sleep } from "node:timers/promises";
import { type GuestStatus, type LabGuest } from "#lab/guest/guest.ts";

/** Resolves when the machine answers over the network and acknowledges a write that it had not before; answers the number of it. */
export const writesOn = async (guest: LabGuest, withinSeconds = 60): Promise<number> => {
  const deadline = Date.now() + withinSeconds * 1_000;
  let before: number | undefined;
  for (;;) {
    const seq = (await statusOf(guest))?.seq;
    if (seq !== undefined && before !== undefined && seq > before) return seq;
    before ??= seq;
    if (Date.now() > deadline) {
      throw new Error(`${guest.name} on ${guest.host.name} acknowledged no write within ${withinSeconds} s: ${before}`);
    }
    await sleep(50);
  }
};

/** While it boots there is nobody, and then a page without numbers. */
const statusOf = async (guest: LabGuest): Promise<Partial<GuestStatus> | undefined> => {
  try {
    return await guest.status(2_000);
  } catch {
    return undefined;
  }
};

import type { ListedPoint } from "#domain/cut.ts";
import { faultOf } from "#workflows/failure.ts";

/** Each try asks for the newest there is then; so many misses in a row mean something else is wrong. */
const mostTries = 20;

/**
 * Does something with a chosen point. While replication goes on, a point that is not kept lives only until the next delta is merged into it: where a kind of
 * point was asked for (*latest*), the one that took its place is as good, and `chooseAgain` finds it. A point asked for by its id is never replaced: no `chooseAgain`.
 */
export async function withPoint<Value>(
  { chosen, chooseAgain }: { readonly chosen: ListedPoint; readonly chooseAgain?: () => Promise<ListedPoint> },
  act: (point: ListedPoint) => Promise<Value>,
): Promise<{ readonly point: ListedPoint; readonly value: Value }> {
  let point = chosen;
  for (let tried = 1; ; tried++) {
    try {
      return { point, value: await act(point) };
    } catch (error) {
      if (faultOf(error).code !== "POINT_NOT_FOUND" || chooseAgain === undefined || tried === mostTries) throw error;
      point = await chooseAgain();
    }
  }
}

import { expect, test } from "vitest";
import { placeForGuest, type DefinedMachine } from "#lab/commands/guest-place.ts";
import { macFor } from "#lab/guest/address.ts";

const machine = (name: string, host: string, ...addresses: readonly string[]): DefinedMachine => ({
  name,
  host,
  macs: addresses.map(macFor),
});
const guest = { name: "app2", host: "paris1", network: "10.78.0" };

test("a new guest gets the first address that no machine of the lab has, on whatever host", () => {
  expect(placeForGuest(guest, [])).toBe("10.78.0.101");
  expect(
    placeForGuest(guest, [
      machine("app1", "lyon1", "10.78.0.101", "10.78.0.102"),
      machine("x", "paris1", "10.78.0.104"),
    ]),
  ).toBe("10.78.0.103");
});

test("an address that a machine has is refused, naming the machine", () => {
  expect(() => placeForGuest({ ...guest, address: "10.78.0.101" }, [machine("app1", "lyon1", "10.78.0.101")])).toThrow(
    "The address 10.78.0.101 is that of the machine app1 on lyon1",
  );
  expect(placeForGuest({ ...guest, address: "10.78.0.150" }, [machine("app1", "lyon1", "10.78.0.101")])).toBe(
    "10.78.0.150",
  );
});

test("a name that the host knows is refused, and one that only another host knows is not", () => {
  expect(() => placeForGuest(guest, [machine("app2", "paris1")])).toThrow("has a machine app2 already");
  expect(placeForGuest(guest, [machine("app2", "lyon1")])).toBe("10.78.0.101");
});

test("a full subnet is said", () => {
  const all = Array.from({ length: 99 }, (_, index) => `10.78.0.${String(101 + index)}`);
  expect(() => placeForGuest(guest, [machine("many", "lyon1", ...all)])).toThrow("belong to machines already");
});

import { Fault } from "#domain/fault.ts";

/** The MAC that tells a guest its IPv4 address: 52:54 and the address's four bytes. */
export const macFor = (address: string): string => {
  const bytes = address.split(".").map(Number);
  if (bytes.length !== 4 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255)) {
    throw new Fault(
      "INVALID_INPUT",
      `"${address}" is no IPv4 address; give a guest one of its lab's subnet, .100 to .199.`,
    );
  }
  return ["52", "54", ...bytes.map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
};

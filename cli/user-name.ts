import { userInfo } from "node:os";

/** Who is at the terminal. Behind sudo the one who called it. */
export const userName = (): string => {
  const { SUDO_USER: caller } = process.env;
  if (caller !== undefined && caller !== "") return caller;
  try {
    return userInfo().username;
  } catch {
    // A container's user id that /etc/passwd does not know.
    return `uid ${String(process.getuid?.() ?? "unknown")}`;
  }
};

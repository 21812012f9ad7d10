import type { TLSSocket } from "node:tls";
import { Fault } from "#domain/fault.ts";
import { siteServerName } from "../session.ts";

const suffix = siteServerName("");

/** The site a verified certificate names. Exactly one such name must stand in it, so that a certificate never speaks for two sites. */
export function peerSite(socket: TLSSocket): string {
  const names = socket.getPeerX509Certificate()?.subjectAltName ?? "";
  const sites = names
    .split(", ")
    .filter((name) => name.startsWith("DNS:") && name.endsWith(suffix))
    .map((name) => name.slice("DNS:".length, -suffix.length));
  const [site] = sites;
  if (sites.length !== 1 || site === undefined || !/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i.test(site)) {
    throw new Fault(
      "PEER_NOT_ALLOWED",
      `The peer's certificate names no site (found "${names}"; expected one name like "${siteServerName("<site>")}").`,
    );
  }
  return site;
}

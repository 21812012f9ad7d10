/** The name in a site's certificate: `DNS:<site>.understudy.internal`. The server trusts this name, never one sent inside the stream. */
export const siteServerName = (site: string): string => `${site}.understudy.internal`;

/** The site that a certificate with this name is of; undefined when it is none of ours. */
export const siteOfServerName = (name: string): string | undefined =>
  /^([a-z0-9-]+)\.understudy\.internal$/u.exec(name)?.[1];

/** The name in a site's certificate: `DNS:<site>.understudy.internal`. The server trusts this name, never one sent inside the stream. */
export const siteServerName = (site: string): string => `${site}.understudy.internal`;

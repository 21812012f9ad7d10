/** Names of sites, hosts, policies and items: they become parts of DNS names, file names, bitmap names and workflow ids. */
export const namePattern = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/u;

export const nameRule = "1 to 40 lower-case letters, digits and hyphens, beginning and ending with a letter or digit";

/**
 * TLS 1.3's suites between sites, the first one both know is taken. AES-128 before AES-256: as safe for what lives as long as a session's key, and a
 * quarter less work a byte.
 */
export const cipherSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

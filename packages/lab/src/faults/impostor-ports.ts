/** On which port which impostor (impostors.ts) listens. */
export const IMPOSTOR_PORTS = {
  /** https with a certificate of its own, and no /key. */
  web: 8443,
  /** http without TLS. */
  plain: 8080,
  /** Sends random bytes to whoever connects. */
  garbage: 8081,
  /** Accepts and says nothing. */
  silent: 8082,
  /** Accepts and hangs up. */
  closing: 8083,
  /** Has a control key, and talks noise after the upgrade. */
  halfControl: 8084,
  /** Never ends its answer to GET /key. */
  dripping: 8085,
} as const;

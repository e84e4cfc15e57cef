/** Everything that goes wrong in the node for a reason a person can act on. Codes are stable. */
import { WarrenError } from '@warren/core/base/errors';

/** All codes of this package; docs/errors.md explains each. */
export type NodeErrorCode =
  | 'FFI_MISSING'
  | 'CIPHER_UNKNOWN'
  | 'CIPHER_UNUSABLE'
  | 'TUN_RIGHTS'
  | 'TUN_MISSING'
  | 'TUN_BUSY'
  | 'TUN_GONE'
  | 'TUN_CONFIGURE'
  | 'IPROUTE_MISSING'
  | 'UDP_PORT_TAKEN'
  | 'SOCKET_TAKEN'
  | 'SOCKET_RIGHTS'
  | 'LOGIN_SERVER_MISSING'
  | 'LOGIN_SERVER_URL'
  | 'AUTH_KEY_FORMAT'
  | 'STATIC_ENDPOINT'
  | 'HEALTH_PORT'
  | 'MTU'
  | 'ROUTES'
  | 'PEER_UNKNOWN'
  | 'NOT_RUNNING'
  | 'NETCHECK_UNFINISHED'
  | 'RELAY_MAP_UNKNOWN'
  | 'UP_INTERRUPTED'
  | 'REQUEST_INVALID'
  | 'CONNECT_CANCELLED'
  | 'SERVER_UNREACHABLE'
  | 'TLS_FAILED'
  | 'TLS_UNTRUSTED'
  | 'TLS_PIN_MISMATCH'
  | 'RELAY_REFUSED'
  | 'LOGIN_REFUSED'
  | 'NOT_A_CONTROL_SERVER'
  | 'CONTROL_KEY_MISMATCH'
  | 'CONTROL_REFUSED';

export class NodeError extends WarrenError {
  constructor(
    code: NodeErrorCode,
    message: string,
    hint: string,
    options?: { readonly cause?: unknown },
  ) {
    super(code, message, hint, options);
    this.name = 'NodeError';
  }
}

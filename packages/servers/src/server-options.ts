/** What hubs and relays are both told. */
import type { IpAddress } from '@warren/core/ip/address';
import type { Crypto, Random } from '@warren/core/ports';
import type { TokenBucketLimit } from '@warren/core/relay/hello';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import type { CertificateFiles } from '@warren/shell/tls/certificate-files';
import type { ListenAddress } from './listen.js';

export interface ServerOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  /** Address to listen on; undefined: all. */
  readonly listenHost?: string | undefined;
  /** TCP; 0: any. */
  readonly port: number;
  /** UDP; undefined: no STUN; 0: any. */
  readonly stunPort: number | undefined;
  /** UDP, STUN's other port; 0: any; undefined: none. */
  readonly stunAlternatePort?: number | undefined;
  /** Another address of this machine, to answer STUN from; `listenHost` is given then. */
  readonly stunAlternateAddress?: IpAddress | undefined;
  /** Plain HTTP for captive portal checks; announced when it is port 80. Undefined: none. */
  readonly httpListen?: ListenAddress | undefined;
  /** How clients reach this machine: DNS name or address. */
  readonly hostName: string;
  /** Literals for the DERP map, where `hostName` is a name. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly stateDir: string;
  /** A certificate of an authority for `hostName`; undefined: one is made, and clients pin it. */
  readonly certificateFiles?: CertificateFiles | undefined;
  readonly regionId: number;
  readonly regionCode: string;
  readonly regionName: string;
  readonly clientLimit?: TokenBucketLimit | undefined;
  /** Path of the unix socket for `GET /stats`; undefined: none. */
  readonly statsSocket?: string | undefined;
  /** Ends the server as `close()` does. */
  readonly signal?: AbortSignal | undefined;
}

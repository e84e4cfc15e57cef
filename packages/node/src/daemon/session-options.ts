import type { Endpoint } from '@warren/core/ip/address';
import type { Netmap } from '@warren/core/netmap/types';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import type { RouteSettings } from '../config/route-settings.js';
import type { LinkState } from '../link/link-watcher.js';
import type { Plane } from '../plane/plane.js';
import type { PortMapHost } from '../portmap/port-map-host.js';
import type { RouteDesk } from '../routes/route-desk.js';
import type { TunSettings } from '../tun/tun-settings.js';
import type { Health } from './health.js';
import type { History } from './history.js';
import type { NetmapFile } from './netmap-file.js';
import type { NetworkFile } from './network-file.js';
import type { PortUse } from './port-use.js';
import type { ProfileFile } from './profile-file.js';

export interface SessionOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly plane: Plane;
  readonly tun: TunSettings;
  readonly tunName: string;
  /** What of routes goes to the kernel. */
  readonly router: Pick<RouteDesk, 'want'>;
  /** As they are now. */
  readonly routes: () => RouteSettings;
  readonly listenPort: number;
  /** As they are now; later ones are an input of the host. */
  readonly staticEndpoints: () => readonly Endpoint[];
  /** Ports of hard NATs are foretold and guessed. */
  readonly hardNats: () => boolean;
  /** Its login is this session's. */
  readonly file: ProfileFile;
  readonly authKey: string | undefined;
  /** With a new node key, whatever the present one is good for. */
  readonly force: boolean;
  readonly link: LinkState;
  readonly health: Health;
  readonly history: History;
  readonly portUse: PortUse;
  readonly networkFile: NetworkFile;
  readonly netmapFile: NetmapFile;
  readonly portMap: PortMapHost | undefined;
  /** The network as far as the rest of the node goes; undefined: this machine takes no part. */
  readonly onNetmap: (netmap: Netmap | undefined) => void;
}

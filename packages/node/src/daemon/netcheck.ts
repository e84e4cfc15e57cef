/** A person's network check: fresh, full, on the sockets that peers see. */
import type { Clock } from '@warren/shell/clock';
import { NodeError } from '../errors.js';
import type { NetcheckReport } from '../local-api/netcheck-report.js';
import { environmentProxy } from '../netcheck/proxy.js';
import { netcheckJson } from '../netcheck/report-json.js';
import type { EngineHost } from './engine-host.js';

export async function checkNetwork(
  host: EngineHost,
  clock: Clock,
  onProgress: (message: string) => void,
  /** The UDP port to advise about; absent: that of the check's own socket. */
  nodePort?: number,
): Promise<NetcheckReport> {
  const servers = [...host.relayMap.regions.values()].length;
  onProgress(`asking the STUN servers of ${servers} ${servers === 1 ? 'region' : 'regions'}`);
  const summary = await host.netcheck(onProgress);
  if (summary !== undefined) {
    return netcheckJson(
      summary,
      host.relayMap,
      clock.wall(),
      nodePort,
      environmentProxy(process.env),
    );
  }
  throw new NodeError(
    'NETCHECK_UNFINISHED',
    host.isClosed
      ? 'this node went down, or logged in anew, during the check'
      : 'the check did not come to an end: no UDP socket is open, or no relay known',
    '`warren status` says how the node is; `warren netcheck --standalone` needs no daemon',
  );
}

/**
 * An official derper on a host of a world, under its address, with the certificate that it makes for itself.
 * Its counters are what it tells on loopback: http://127.0.0.1/debug/vars.
 */
import { readFileSync } from 'node:fs';
import { asObject } from '@warren/core/base/json';
import { until } from '../mesh/places.js';
import type { RegionNames } from '../mesh/servers.js';
import type { World } from '../world/world.js';
import { goPeer } from './go-peers.js';

const STATE_DIR = '/var/lib/derper';
const LOG_FILE = '/run/derper.log';
const HTTPS_PORT = 443;
const STUN_PORT = 3478;

/** What a derper has counted since its start. */
export interface DerperCounters {
  readonly clients: number;
  readonly packetsReceived: number;
  readonly packetsSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly stunSuccesses: number;
}

/** Starts it; answers its region as a hub's `--derp-region-file` wants it, pinned by the certificate. */
export async function startDerper(
  world: World,
  host: string,
  region: RegionNames,
): Promise<string> {
  const address = world.addressOf(host);
  const argv = [
    goPeer('derper'),
    ...['-a', `:${HTTPS_PORT}`, '-hostname', address, '-c', `${STATE_DIR}/derper.key`],
    ...['-certmode', 'manual', '-certdir', STATE_DIR, '-stun-port', String(STUN_PORT)],
  ];
  const output = { file: LOG_FILE };
  world.exec(host, ['sh', '-c', `mkdir -p ${STATE_DIR}; exec "$@"`, 'sh', ...argv], {
    stdout: output,
    stderr: output,
  });
  const pin = await until(world, host, 'derper', async () => {
    const log = readFileSync(world.path(host, LOG_FILE), 'utf8');
    const said = /"CertName":"(sha256-raw:[0-9a-f]{64})"/.exec(log)?.[1];
    if (said === undefined) throw new Error(log.slice(-500));
    await derperCounters(world, host);
    return said;
  });
  return JSON.stringify({
    RegionID: region.id,
    RegionCode: region.code,
    RegionName: region.name,
    Nodes: [
      {
        Name: `${region.id}a`,
        RegionID: region.id,
        HostName: address,
        CertName: pin,
        IPv4: address,
        IPv6: 'none',
        STUNPort: STUN_PORT,
        DERPPort: HTTPS_PORT,
      },
    ],
  });
}

/** Its counters, as it shows them to its own machine only. */
export async function derperCounters(world: World, host: string): Promise<DerperCounters> {
  const ask = "fetch('http://127.0.0.1/debug/vars').then((r) => r.text()).then(console.log)";
  const { code, stdout, stderr } = await world.run(host, [process.execPath, '-e', ask]);
  if (code !== 0) throw new Error(`derper's counters: ${stderr}`);
  const all = asObject(JSON.parse(stdout));
  const [derp, stun] = [asObject(all?.['derp']), asObject(all?.['stun'])];
  const requests = asObject(stun?.['counter_requests']);
  return {
    clients: Number(derp?.['gauge_current_connections']),
    packetsReceived: Number(derp?.['packets_received']),
    packetsSent: Number(derp?.['packets_sent']),
    bytesReceived: Number(derp?.['bytes_received']),
    bytesSent: Number(derp?.['bytes_sent']),
    stunSuccesses: Number(requests?.['success']),
  };
}

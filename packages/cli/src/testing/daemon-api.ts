/** The daemon's own API server, with a backend that a test scripts: what commands see of a daemon. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalApiBackend, LocalApiServer } from '@warren/node/local-api/server';
import { dnsAnswer, dnsStatus, whoisReport } from './dns.js';
import { mappedPort } from './portmap.js';
import { easyNetcheck, runningReport, settingsReport } from './reports.js';
import { relayedWhy } from './why.js';

export interface ServedDaemon {
  readonly socketPath: string;
  close(): Promise<void>;
}

/** Serves `backend`, idle where it says nothing, on a socket in a new directory. */
export async function serveDaemon(backend: Partial<LocalApiBackend>): Promise<ServedDaemon> {
  const dir = mkdtempSync(join(tmpdir(), 'warren-api-'));
  const socketPath = join(dir, 'warren.sock');
  const server = await LocalApiServer.listen(socketPath, {
    status: () => Promise.resolve(runningReport),
    up: () => Promise.resolve(),
    down: () => Promise.resolve(),
    logout: () => Promise.resolve({ told: true }),
    ping: () => Promise.resolve(),
    why: () => Promise.resolve(relayedWhy),
    netcheck: () => Promise.resolve(easyNetcheck),
    portMap: () => Promise.resolve(mappedPort),
    relayMap: () => ({ Regions: {} }),
    dnsStatus: () => dnsStatus,
    dnsQuery: ({ name, type }) => Promise.resolve({ ...dnsAnswer, name, type }),
    whois: () => whoisReport,
    settings: () => settingsReport,
    changeSettings: () => settingsReport,
    shutdown: () => undefined,
    ...backend,
  });
  const close = async (): Promise<void> => {
    await server.close();
    rmSync(dir, { recursive: true });
  };
  return { socketPath, close };
}

/**
 * Stock clients on a Warren hub, as a person would join them: the hub's own certificate is the one thing
 * that they trust, the login server is the hub's address.
 */
import { readFileSync } from 'node:fs';
import type { OneHubNetwork } from '../faults/one-hub-network.js';
import { HUB_STATE } from '../mesh/places.js';
import { StockClient } from './stock-client.js';

/** The certificate that a hub made for itself, without its key. */
export function hubCertificate(network: OneHubNetwork): string {
  const text = readFileSync(network.world.path('hub', `${HUB_STATE}/tls.pem`), 'utf8');
  const match = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/.exec(text);
  if (match === null) throw new Error("the hub's tls.pem has no certificate");
  return match[0];
}

/** Starts stock clients on machines and joins them; by machine. With `tun` each has a TUN device of that name. */
export async function joinStock(
  network: OneHubNetwork,
  machines: readonly string[],
  options: { readonly tun?: string; readonly upFlags?: readonly string[] } = {},
): Promise<ReadonlyMap<string, StockClient>> {
  const trusted = hubCertificate(network);
  const { key } = await network.createKey('--reusable');
  const clients = await Promise.all(
    machines.map(async (machine) => {
      const client = await StockClient.start(network.world, machine, trusted, options.tun);
      await client.up(network.url, key, ...(options.upFlags ?? []));
      network.addresses.set(machine, await client.run('ip', '-4'));
      return client;
    }),
  );
  return new Map(clients.map((client) => [client.machine, client]));
}

/**
 * A hub with a certificate that an authority signed, by way of another: a stock client and a Warren node that trust that
 * authority and were told no pin, before and after the certificate is replaced.
 */
import { parseAuthKey } from '@warren/core/control/auth-key';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OneHubNetwork } from '../faults/one-hub-network.js';
import { until } from '../mesh/places.js';
import type { World } from '../world/world.js';
import { skipsGoPeers } from './go-peers.js';
import { StockClient } from './stock-client.js';

const skips = await skipsGoPeers('tailscaled', 'tailscale');

const [OURS, STOCK] = ['right', 'left'];
const [CHAIN, KEY, ROOT] = ['/run/fullchain.pem', '/run/privkey.pem', '/run/root.pem'];
const DAYS = 30;

/** An authority and one that it vouches for. The directory stays the hub's alone. */
const AUTHORITIES = `
  cd /run
  new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
  openssl req -x509 $new -keyout root.key -out root.pem -days ${DAYS} -subj '/CN=Root'
  openssl req $new -keyout middle.key -out middle.csr -subj '/CN=Middle'
  echo 'basicConstraints=critical,CA:TRUE' > middle.ext
  openssl x509 -req -in middle.csr -CA root.pem -CAkey root.key -days ${DAYS} -extfile middle.ext -out middle.pem
`;

async function sign(world: World): Promise<string> {
  const done = await world.run('hub', [
    ...['sh', '-ec'],
    `cd /run
     openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout next.key -out own.csr -subj '/CN=Hub'
     echo 'subjectAltName=IP:${world.addressOf('hub')}' > own.ext
     openssl x509 -req -in own.csr -CA middle.pem -CAkey middle.key -days ${DAYS} -extfile own.ext -out own.pem
     cat own.pem middle.pem > next.pem
     mv next.key ${KEY}
     mv next.pem ${CHAIN}
     openssl x509 -in own.pem -noout -serial`,
  ]);
  if (done.code !== 0) throw new Error(done.stderr);
  return done.stdout.trim();
}

describe.skipIf(skips)('a hub with a certificate of an authority', () => {
  let network: OneHubNetwork;
  let stock: StockClient;
  let serial: string;

  async function bothPing(): Promise<void> {
    const ours = network.addressOf(STOCK);
    await until(network.world, OURS, 'a ping to the stock client', () =>
      network.sh(OURS, `ping -n -c 1 -W 2 ${ours}`),
    );
    await until(network.world, STOCK, 'a ping to our node', () =>
      stock.run('ping', '-c', '1', '--timeout', '2s', network.addressOf(OURS)),
    );
  }

  /** Of the certificate that the port serves now. */
  async function servedSerial(): Promise<string> {
    const at = `${network.world.addressOf('hub')}:443`;
    const shown = await network.sh(
      OURS,
      `openssl s_client -connect ${at} -CAfile ${ROOT} -verify_return_error < /dev/null 2>/dev/null | openssl x509 -noout -serial`,
    );
    return shown.trim();
  }

  beforeAll(async () => {
    network = await OneHubNetwork.start([OURS], {
      hubFlags: ['--tls-cert', CHAIN, '--tls-key', KEY],
      env: { [OURS]: { NODE_EXTRA_CA_CERTS: ROOT } },
      beforeServers: async (world) => {
        const made = await world.run('hub', ['sh', '-ec', AUTHORITIES]);
        if (made.code !== 0) throw new Error(made.stderr);
        serial = await sign(world);
        const { stdout: root } = await world.run('hub', ['cat', ROOT]);
        for (const place of [OURS, STOCK]) {
          await world.run(place, ['sh', '-c', `cat > ${ROOT}`], { input: root });
        }
      },
    });
    const { stdout: root } = await network.world.run('hub', ['cat', ROOT]);
    const { key } = await network.createKey('--reusable');
    expect(parseAuthKey(key)?.pins).toBeUndefined();
    stock = await StockClient.start(network.world, STOCK, root, 'tailscale0');
    await stock.up(network.url, key);
    network.addresses.set(STOCK, await stock.run('ip', '-4'));
  });

  afterAll(async () => {
    await network?.close();
  });

  test('both are in, reach each other, and use the relay behind the same certificate', async () => {
    await bothPing();
    const { self } = await network.status(OURS);
    expect(self?.relay).toBe('town');
    expect((await stock.status()).Self).toMatchObject({ Relay: 'town', Online: true });
    expect(await servedSerial()).toBe(serial);
  });

  test('replaced while it runs, it is served at once; nobody notices, and new processes trust it', async () => {
    const connections = (await network.hubNumbers()).control.connections;
    const next = await sign(network.world);
    expect(next).not.toBe(serial);
    await until(network.world, 'hub', 'the next certificate', async () => {
      expect(await servedSerial()).toBe(next);
    });
    expect((await network.hubNumbers()).control.connections).toBe(connections);
    await network.killDaemon(OURS);
    await network.startDaemon(OURS);
    await stock.killDaemon();
    await stock.startDaemon();
    await network.statusUntil(OURS, 'up', ({ state }) => state === 'Running');
    await bothPing();
  });
});

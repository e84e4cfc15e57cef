/** `warren debug portmap` at a real router: miniupnpd, which speaks all three protocols. */
import { fileURLToPath } from 'node:url';
import type { PortMapReport } from '@warren/node/local-api/portmap-report';
import { profileNamed } from '@warren/sim/matrix/profiles';
import { describe, expect, test } from 'vitest';
import { runLabCell } from '../matrix/lab-cell.js';
import { skipsLab } from '../testing/lab-ring.js';

const skips = await skipsLab();
const mainScript = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url));
const runMs = 300_000;

describe.skipIf(skips)('a daemon behind a router that maps ports', () => {
  test(
    'shows what each protocol answers and what is mapped; a second daemon is not started for --no-port-mapping',
    async () => {
      const [left, right] = [profileNamed('easy-portmap'), profileNamed('public')];
      if (left === undefined || right === undefined) throw new Error('both are profiles');
      const outcome = await runLabCell(
        { left, right },
        {
          commandLine: [process.execPath, mainScript],
          signal: new AbortController().signal,
          whileItStands: async (_world, cli) => {
            const { code, stdout } = await cli.attempt('left', ['debug', 'portmap', '--json']);
            const report = JSON.parse(stdout) as PortMapReport;
            const ipv4 = report.routers.find(({ family }) => family === 4);
            expect(code).toBe(0);
            expect(report.enabled).toBe(true);
            expect(ipv4?.internalPort).toBe(41_641);
            const mapped = ipv4?.protocols.find(({ state }) => state === 'mapped');
            const [seen = ''] = report.seen?.split(':') ?? [];
            expect(mapped?.mapping).toMatchObject({ external: `${seen}:41641` });
            expect(mapped?.mapping?.lifetimeMs).toBeGreaterThan(0);
            expect(mapped?.externalAddress).toBe(seen);
            for (const { protocol, present } of ipv4?.protocols ?? []) {
              expect([protocol, present]).toEqual([protocol, true]);
            }
            const text = await cli.run('left', ['debug', 'portmap']);
            expect(text).toMatch(/^router \S+, over IPv4 \(this machine: /);
            const refused = await cli.attempt('left', ['up', '--no-port-mapping']);
            expect(refused.code).toBe(1);
            expect(refused.stderr).toContain('the daemon runs already, without --no-port-mapping');
          },
        },
      );
      expect(outcome).toMatchObject({ actual: 'direct', problems: [] });
    },
    runMs,
  );
});

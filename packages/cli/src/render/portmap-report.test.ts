import type { PortMapReport, ProtocolReportJson } from '@warren/node/local-api/portmap-report';
import { expect, test } from 'vitest';
import { portMapOutcome } from '../commands/debug.js';
import { mappedPort } from '../testing/portmap.js';
import { renderPortMap } from './portmap-report.js';

const text = (report: PortMapReport): string => renderPortMap(report).join('\n');

/** The report with other words of UPnP alone. */
function upnp(change: Partial<ProtocolReportJson>): PortMapReport {
  const routers = mappedPort.routers.map((router) => ({
    ...router,
    protocols: router.protocols
      .filter(({ protocol }) => protocol === 'upnp')
      .map((protocol) => ({ ...protocol, error: null, retryInMs: null, ...change })),
  }));
  return { ...mappedPort, routers };
}

test('a router: what each protocol says, what is mapped and for how long, and how servers see us', () => {
  expect(renderPortMap(mappedPort)).toEqual([
    'router 192.168.1.1, over IPv4 (this machine: 192.168.1.5, UDP port 41641)',
    '  PCP      mapped  203.0.113.9:41641, granted for 2h, renewed in 59m, runs out in 1h',
    '                   external address 203.0.113.9',
    '                   has kept its mappings for 4d',
    '  NAT-PMP  ready   external address 203.0.113.9',
    '                   has kept its mappings for 4d',
    '  UPnP     failed  no router answered a search for UPnP',
    '                   tried again in 4m',
    'servers see 203.0.113.9:41641',
  ]);
  expect(portMapOutcome(mappedPort)).toBe(0);
});

test('a mapping that helps nobody says so', () => {
  const mapping = { external: '100.72.3.4:5000', public: false, lifetimeMs: null };
  const behindCarrier = {
    ...upnp({
      ...{ state: 'mapped', present: true, devices: ['http://192.168.1.1:5000/ctl'] },
      mapping: { ...mapping, renewsInMs: 60_000, expiresInMs: null },
    }),
    cgnat: true,
  } as const;
  expect(text(behindCarrier)).toContain(
    '100.72.3.4:5000, permanent, renewed in 1m, not public: another NAT stands before the router',
  );
  expect(text(behindCarrier)).toContain('service http://192.168.1.1:5000/ctl');
  expect(text(behindCarrier)).toContain("a carrier's NAT stands before the router");
  const dead = upnp({
    state: 'dead',
    error: 'mapping listed but dead: nothing arrives through it',
  });
  expect(text(dead)).toContain('  UPnP  dead  mapping listed but dead');
  expect(portMapOutcome(dead)).toBe(1);
});

test('what a router calls itself cannot move the cursor', () => {
  expect(text(upnp({ error: 'refused \u001b[2J' }))).toContain('refused ?[2J');
});

test('nothing to ask, nothing asked', () => {
  expect(text({ ...mappedPort, enabled: false, routers: [] })).toContain('switched off');
  expect(text({ ...mappedPort, seen: null, routers: [] })).toBe(
    'No default route leads to a router.',
  );
  const [router] = mappedPort.routers;
  const down = router === undefined ? [] : [{ ...router, internalPort: null, protocols: [] }];
  expect(text({ ...mappedPort, routers: down })).toContain('not asked: no UDP port is open');
  expect(text(upnp({ state: 'looking' }))).toContain('  UPnP  looking  no answer yet');
});

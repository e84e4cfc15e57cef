import { expect, test } from 'vitest';
import { relayedWhy } from '../testing/why.js';
import { renderWhy } from './why-report.js';

test('verdict, both NATs, what was tried, what to change', () => {
  expect(renderWhy(relayedWhy)).toEqual(
    [
      'printer is reached through a relay (hbt): both-hard',
      'Both NATs take a new port for each destination.',
      'The router of printer answers neither UPnP, NAT-PMP nor PCP.',
      '',
      '                laptop (here)         printer',
      '  class         hard                  hard',
      '  families      IPv4, IPv6            IPv4',
      '  mapping       endpoint-dependent    address-and-port-dependent',
      '  filtering     unknown               address-and-port-dependent',
      '  ports         sequential by 2       random of 40000-40063',
      '  carrier NAT   no                    unknown',
      '  port mapping  UPnP, no mapping      none',
      '  reachable     no                    no',
      '',
      'What was tried (3 calls to the peer over the relay, 2 from it):',
      '  192.0.2.9:41641   told by control, told by the peer  0 of 4 pings answered',
      '  192.168.1.9:41641  told by the peer                  0 of 2 pings answered, unreachable',
      '',
      'Latest changes:',
      '  2026-01-02T00:00:00.000Z  NAT easy -> hard  link-changed',
      '',
      'What to change, the surest first [and the path that it gives]:',
      '  1. Switch on UPnP at the router of this machine. [portmap]',
      '  2. Run Warren on printer.',
    ].map((line) => expectSpaces(line)),
  );
});

/** Columns are as wide as their cells; the test cares for words. */
function expectSpaces(line: string): unknown {
  const words = line
    .trim()
    .split(/\s{2,}/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return line.trim() === ''
    ? ''
    : (expect.stringMatching(new RegExp(`^\\s*${words.join('\\s{2,}')}$`)) as unknown);
}

test('what a peer does not tell is unknown, and what is empty takes no room', () => {
  const lines = renderWhy({
    ...relayedWhy,
    ...{ verdict: 'direct', rule: 'direct-punch', peer: null, notes: [], attempts: [], fixes: [] },
    ...{ callsSent: 0, callsReceived: 0, history: [] },
    path: { kind: 'direct', endpoint: '192.0.2.9:41641', relay: null, latencyMs: 12.5 },
  });
  expect(lines[0]).toBe('printer is reached directly (192.0.2.9:41641, 12.5 ms): direct-punch');
  expect(lines).toHaveLength(12);
  expect(lines.at(-1)).toMatch(/^ {2}reachable\s+no\s+unknown$/);
});

test('names and texts of others move no cursor', () => {
  const evil = '\u001b[2Jprinter';
  const [first = ''] = renderWhy({ ...relayedWhy, peerName: evil });
  expect(first).not.toContain('\u001b');
});

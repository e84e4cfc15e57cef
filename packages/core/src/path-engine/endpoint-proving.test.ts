import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { Endpoint } from '../ip/address.js';
import { type EarlierUse, mappingMemoryMs } from '../netcheck/dial-back.js';
import { EndpointType } from '../netmap/own.js';
import { encodeBindingIndication } from '../stun/indication.js';
import { EndpointProving } from './endpoint-proving.js';
import { EngineOutputs } from './outputs.js';

const balancer = '198.51.100.5:41641' as Endpoint;
const own = '203.0.113.9:41641' as Endpoint;
const stranger = '192.0.2.77:5000' as Endpoint;
const relay = '192.0.2.1:3478' as Endpoint;

function proving(earlierUses: readonly EarlierUse[] | undefined) {
  const outputs = new EngineOutputs();
  const counters = new Counters();
  const made = new EndpointProving({
    random: new SeededRandom(1),
    counters,
    outputs,
    earlierUses,
  });
  made.claim(
    [
      { endpoint: balancer, type: EndpointType.static },
      { endpoint: own, type: EndpointType.stun },
    ],
    instant(0),
  );
  return { made, outputs };
}

/** Runs its timers until it asks a relay. */
function firstAsk(made: EndpointProving, outputs: EngineOutputs): readonly [Uint8Array, Instant] {
  for (let at = made.nextTimeout(); at !== undefined; at = made.nextTimeout()) {
    made.handle({ type: 'timeout' }, at);
    const output = outputs.poll();
    if (output?.type !== 'relay-dial-back') continue;
    expect(output).toMatchObject({ regionId: 7, port: 41_641, fromAlternate: true });
    return [output.token, at];
  }
  throw new Error('nobody was asked');
}

test('whom we have sent to proves nothing by a ping; who comes unasked does', () => {
  const { made, outputs } = proving([]);
  outputs.down({ type: 'send', socketId: 1, remote: stranger, bytes: new Uint8Array(1) });
  made.reached(balancer, stranger, instant(1_000));
  expect(made.verified(balancer)).toBeUndefined();
  made.reached(balancer, '192.0.2.77:5001' as Endpoint, instant(1_000));
  expect(made.verified(balancer)).toBe('port-only');
  expect(made.proven(undefined)).toEqual([]);
  made.reached(balancer, '192.0.2.78:5000' as Endpoint, instant(1_000));
  expect(made.verified(balancer)).toBe('yes');
  expect(made.proven(undefined)).toEqual([balancer]);
  const first = { target: own, verified: 'yes', reason: 'arrived', regionId: 7 } as const;
  expect(made.proven(first)).toEqual([own, balancer]);
  expect(made.proven({ ...first, verified: 'no' })).toEqual([balancer]);
});

test('data counts as sent as disco does', () => {
  const { made, outputs } = proving([]);
  const paths = [{ kind: 'direct', socketId: 1, remote: stranger }] as const;
  outputs.down({ type: 'set-paths', peer: 'ab'.repeat(32) as never, paths });
  made.reached(balancer, stranger, instant(1_000));
  expect(made.verified(balancer)).toBeUndefined();
});

test('after a restart on the same port nothing is concluded until NATs have forgotten', () => {
  const { made } = proving([{ port: 41_641, agoMs: 60_000, reached: [] }]);
  made.reached(balancer, stranger, instant(mappingMemoryMs - 60_001));
  expect(made.verified(balancer)).toBeUndefined();
  made.reached(balancer, stranger, instant(mappingMemoryMs - 60_000));
  expect(made.verified(balancer)).toBe('yes');
});

test('a relay’s datagram from a port that nobody sends to is worth port-only', () => {
  const { made, outputs } = proving([]);
  outputs.down({ type: 'send', socketId: 1, remote: relay, bytes: new Uint8Array(1) });
  outputs.poll();
  made.relay(7, true, instant(0));
  const [token, at] = firstAsk(made, outputs);
  const source = '192.0.2.1:3479' as Endpoint;
  expect(made.datagram(encodeBindingIndication(token), source, at)).toBe(true);
  made.handle({ type: 'answer', regionId: 7, token, outcome: 'sent', target: own }, at);
  expect(made.verified(own)).toBe('port-only');
  expect(made.verified(balancer)).toBeUndefined();
});

test('what the first datagram’s dial-back said is taken over, and falls with the network', () => {
  const { made } = proving([]);
  made.dialledBack({ target: own, verified: 'yes', reason: 'arrived', regionId: 7 });
  const endpoints = [{ endpoint: own, type: EndpointType.stun }];
  made.claim(endpoints, instant(1));
  expect(made.verified(own)).toBe('yes');
  made.networkChanged(false, instant(2));
  made.claim(endpoints, instant(3));
  expect(made.verified(own)).toBe('yes');
  made.networkChanged(true, instant(4));
  made.claim(endpoints, instant(5));
  expect(made.verified(own)).toBeUndefined();
});

test('where relays are not to be asked they are not', () => {
  const { made, outputs } = proving(undefined);
  made.relay(7, true, instant(0));
  for (let at = made.nextTimeout(), n = 0; at !== undefined && n < 50; n++, at = made.nextTimeout())
    made.handle({ type: 'timeout' }, at);
  expect(outputs.poll()).toBeUndefined();
});

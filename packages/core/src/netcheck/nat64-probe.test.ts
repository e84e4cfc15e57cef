import { beforeEach, describe, expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { DecodeFailure } from '../base/failure.js';
import { instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import { type Endpoint, type IpAddress, parseEndpoint } from '../ip/address.js';
import { answerBindingRequest } from '../stun/server.js';
import {
  ipv4OnlyName,
  type Nat64Output,
  Nat64Probe,
  nat64PauseMs,
  translated,
  untranslated,
} from './nat64-probe.js';

const servers = ['198.51.100.1:3478', '198.51.100.2:3478'] as Endpoint[];
const inWellKnown = parseEndpoint('[64:ff9b::c633:6401]:3478') as Endpoint;
const mapped = '203.0.113.9:7000' as Endpoint;

let counters: Counters;
let probe: Nat64Probe;
beforeEach(() => {
  counters = new Counters();
  probe = new Nat64Probe({ random: new SeededRandom(1), counters });
});

const drain = (): Nat64Output[] => {
  const outputs: Nat64Output[] = [];
  for (let out = probe.poll(); out !== undefined; out = probe.poll()) outputs.push(out);
  return outputs;
};
const sent = (outputs: readonly Nat64Output[]) => outputs.filter((out) => out.type === 'send');

/** Looks, with a socket open at 10 ms; what was sent first. */
function look() {
  probe.look(servers, instant(0));
  expect(drain().map(({ type }) => type)).toEqual(['open-socket', 'resolve']);
  probe.opened(instant(10));
  return sent(drain());
}

function answer(to: { readonly bytes: Uint8Array } | undefined, as: Endpoint): Uint8Array {
  const reply = answerBindingRequest(to?.bytes ?? new Uint8Array(), as);
  if (reply instanceof DecodeFailure) throw new Error(reply.reason);
  return reply;
}

test('a server that was asked by its IPv4 address in the prefix, and saw IPv4, was reached through it', () => {
  const requests = look();
  expect(requests.map(({ remote }) => remote)).toEqual([
    inWellKnown,
    parseEndpoint('[64:ff9b::c633:6402]:3478'),
  ]);
  probe.datagram(inWellKnown, answer(requests[0], mapped));
  expect(probe.prefix).toBe('64:ff9b::');
  expect(probe.isBusy).toBe(false);
  expect(drain()).toEqual([{ type: 'close-socket' }]);
});

test('the network’s own prefix is learnt from the name that has IPv4 alone', () => {
  probe.look(servers, instant(0));
  expect(drain()).toContainEqual({ type: 'resolve', host: ipv4OnlyName });
  probe.resolved(['192.0.0.170', '2001:db8:64::c000:aa', '2001:db8:9::1'] as IpAddress[]);
  probe.opened(instant(10));
  const requests = sent(drain());
  expect(requests).toHaveLength(4);
  const remote = parseEndpoint('[2001:db8:64::c633:6401]:3478') as Endpoint;
  const request = requests.find((one) => one.remote === remote);
  probe.datagram(remote, answer(request, mapped));
  expect(probe.prefix).toBe('2001:db8:64::');
});

test('silence ends it after 3 s, and it looks again minutes later', () => {
  look();
  for (let at = probe.nextTimeout(); at !== undefined; at = probe.nextTimeout()) {
    expect(at).toBeLessThanOrEqual(3000);
    probe.run(at);
  }
  expect(sent(drain())).toHaveLength(4);
  expect(probe.prefix).toBeUndefined();
  probe.look(servers, instant(10_000));
  expect(probe.isBusy).toBe(false);
  probe.look(servers, instant(nat64PauseMs));
  expect(probe.isBusy).toBe(true);
});

describe('answers that prove nothing', () => {
  test('a server that saw IPv6', () => {
    const requests = look();
    probe.datagram(inWellKnown, answer(requests[0], '[2001:db8::9]:7000' as Endpoint));
    expect(probe.prefix).toBeUndefined();
  });

  test('from elsewhere, unknown, or no STUN: counted', () => {
    const requests = look();
    const good = answer(requests[0], mapped);
    probe.datagram(parseEndpoint('[2001:db8::66]:3478') as Endpoint, good);
    const unknown = good.slice();
    unknown[12] = (unknown[12] ?? 0) ^ 1;
    probe.datagram(inWellKnown, unknown);
    probe.datagram(inWellKnown, good.subarray(0, 19));
    expect(probe.prefix).toBeUndefined();
    expect(counters.snapshot()).toEqual({
      'nat64-too-short': 1,
      'nat64-unknown-transaction': 2,
    });
  });
});

test('without a socket, or on another network, nothing is claimed', () => {
  probe.look(servers, instant(0));
  probe.failed();
  expect(probe.isBusy).toBe(false);
  const again = new Nat64Probe({ random: new SeededRandom(1), counters });
  probe = again;
  probe.datagram(inWellKnown, answer(look()[0], mapped));
  expect(probe.prefix).toBe('64:ff9b::');
  probe.forget();
  expect(probe.prefix).toBeUndefined();
});

test('an endpoint that stands for one of IPv4 is told from all others', () => {
  const prefix = '64:ff9b::' as IpAddress;
  const server = servers[0] as Endpoint;
  expect(translated(prefix, server)).toBe(inWellKnown);
  expect(untranslated(prefix, inWellKnown)).toBe(server);
  for (const other of [server, '[2001:db8::c633:6401]:3478' as Endpoint]) {
    expect(untranslated(prefix, other)).toBe(other);
  }
});

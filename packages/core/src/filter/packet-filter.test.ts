import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { concatBytes } from '../base/bytes.js';
import { Counters } from '../base/counters.js';
import { type Instant, instant } from '../base/instant.js';
import { ALL_PORTS, DEFAULT_PROTOCOLS, type FilterRule } from '../engines/filter-rule.js';
import type { Prefix } from '../ip/prefix.js';
import { type FilterDrop, PacketFilter } from './packet-filter.js';
import { type PacketOptions, packet } from './testing/packets.js';

const [TCP, UDP, SCTP, ICMP, ICMPV6, GRE] = [6, 17, 132, 1, 58, 47] as const;
const START = instant(5_000_000);
const later = (seconds: number): Instant => instant(START + seconds * 1000);

/** Us and them, by family. */
const US = { 4: '100.64.0.1', 6: 'fd7a:115c:a1e0::1' } as const;
const THEM = { 4: '100.64.0.2', 6: 'fd7a:115c:a1e0::2' } as const;
const OTHER = { 4: '100.64.0.3', 6: 'fd7a:115c:a1e0::3' } as const;
const LOCAL = ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'] as Prefix[];
const FAMILIES = [4, 6] as const;
const icmpOf = (family: 4 | 6): number => (family === 4 ? ICMP : ICMPV6);

const ALLOW_ALL: FilterRule = {
  protocols: DEFAULT_PROTOCOLS,
  sources: ['0.0.0.0/0', '::/0'] as Prefix[],
  targets: (['0.0.0.0/0', '::/0'] as Prefix[]).map((prefix) => ({ prefix, ports: ALL_PORTS })),
};

const allow = (protocol: number, first: number, last = first): FilterRule => ({
  ...ALLOW_ALL,
  protocols: [protocol],
  targets: ALLOW_ALL.targets.map(({ prefix }) => ({ prefix, ports: { first, last } })),
});

let filter: PacketFilter;
let counters: Counters;

beforeEach(() => {
  counters = new Counters();
  filter = new PacketFilter(counters);
  filter.set([], LOCAL);
});

function inbound(bytes: Uint8Array, now = START): FilterDrop | undefined {
  return filter.inbound(bytes, 0, bytes.length, now);
}

function outbound(bytes: Uint8Array, now = START): FilterDrop | undefined {
  return filter.outbound(bytes, 0, bytes.length, now);
}

/** A packet from them to us, and one from us to them. */
const theirs = (family: 4 | 6, options: Omit<PacketOptions, 'source' | 'target'>): Uint8Array =>
  packet({ source: THEM[family], target: US[family], ...options });
const ours = (family: 4 | 6, options: Omit<PacketOptions, 'source' | 'target'>): Uint8Array =>
  packet({ source: US[family], target: THEM[family], ...options });

test('until control has sent rules nothing passes', () => {
  filter = new PacketFilter(counters);
  expect(inbound(theirs(4, { protocol: TCP, flags: 0x10 }))).toBe('filter-in-not-set');
  expect(outbound(ours(4, { protocol: TCP }))).toBe('filter-out-not-set');
});

describe.each(FAMILIES)('IPv%i', (family) => {
  const icmp = icmpOf(family);
  const [echoRequest, echoReply, unreachable] = family === 4 ? [8, 0, 3] : [128, 129, 1];

  test('without rules no one gets in', () => {
    expect(inbound(theirs(family, { protocol: TCP }))).toBe('filter-in-denied-tcp');
    expect(inbound(theirs(family, { protocol: UDP }))).toBe('filter-in-denied-udp');
    expect(inbound(theirs(family, { protocol: icmp }))).toBe('filter-in-denied-icmp');
    expect(inbound(theirs(family, { protocol: SCTP }))).toBe('filter-in-denied-other');
    expect(inbound(theirs(family, { protocol: GRE }))).toBe('filter-in-denied-other');
  });

  test('a rule lets in what it names, and ICMP with it', () => {
    filter.set([allow(TCP, 22), allow(UDP, 53)], LOCAL);
    const at = (protocol: number, targetPort: number): FilterDrop | undefined =>
      inbound(theirs(family, { protocol, targetPort }));
    expect(at(TCP, 22)).toBeUndefined();
    expect(at(UDP, 53)).toBeUndefined();
    expect(at(icmp, 0)).toBeUndefined();
    expect(at(TCP, 53)).toBe('filter-in-denied-tcp');
    expect(at(UDP, 22)).toBe('filter-in-denied-udp');
    expect(at(SCTP, 22)).toBe('filter-in-denied-other');
  });

  test('the rule for everybody lets in the four protocols everybody uses', () => {
    filter.set([ALLOW_ALL], LOCAL);
    for (const protocol of [TCP, UDP, icmp]) {
      expect(inbound(theirs(family, { protocol, targetPort: 9 }))).toBeUndefined();
    }
    for (const protocol of [SCTP, GRE]) {
      expect(inbound(theirs(family, { protocol, targetPort: 9 }))).toBe('filter-in-denied-other');
    }
    filter.set([allow(GRE, 0, 65_535)], LOCAL);
    expect(inbound(theirs(family, { protocol: GRE }))).toBeUndefined();
  });

  test('what isn’t for us is dropped, whatever the rules', () => {
    filter.set([ALLOW_ALL], LOCAL);
    for (const target of [OTHER[family], family === 4 ? '224.0.0.1' : 'ff02::1']) {
      const bytes = packet({ source: THEM[family], target, protocol: UDP, targetPort: 1 });
      expect(inbound(bytes)).toBe('filter-in-not-for-us');
    }
  });

  test('TCP that asks for no connection comes in', () => {
    for (const flags of [0x12, 0x10, 0x18, 0x11, 0x04, 0x01]) {
      expect(inbound(theirs(family, { protocol: TCP, flags }))).toBeUndefined();
    }
    for (const flags of [0x02, 0x03, 0x06, 0xc2]) {
      expect(inbound(theirs(family, { protocol: TCP, flags }))).toBe('filter-in-denied-tcp');
    }
  });

  test.each([
    ['UDP', UDP, 'filter-in-denied-udp'],
    ['SCTP', SCTP, 'filter-in-denied-other'],
  ] as const)(
    'answers to our %s come in from there alone, for 5 minutes',
    (_, protocol, denied) => {
      expect(
        outbound(ours(family, { protocol, sourcePort: 1000, targetPort: 53 })),
      ).toBeUndefined();
      const answer = (sourcePort: number, targetPort: number, now = later(1)) =>
        inbound(theirs(family, { protocol, sourcePort, targetPort }), now);
      expect(answer(53, 1000)).toBeUndefined();
      expect(answer(54, 1000)).toBe(denied);
      expect(answer(53, 1001)).toBe(denied);
      const elsewhere = { protocol, sourcePort: 53, targetPort: 1000 };
      const stranger = packet({ source: OTHER[family], target: US[family], ...elsewhere });
      expect(inbound(stranger)).toBe(denied);
      // Every answer extends it, like everything that we send.
      expect(answer(53, 1000, later(300))).toBeUndefined();
      expect(answer(53, 1000, later(599))).toBeUndefined();
      expect(answer(53, 1000, later(899))).toBe(denied);
    },
  );

  test('a jailed peer begins nothing, though a rule names it; its answers come in', () => {
    filter.set([ALLOW_ALL], LOCAL);
    const from = (options: Omit<PacketOptions, 'source' | 'target'>): FilterDrop | undefined => {
      const bytes = theirs(family, options);
      return filter.inbound(bytes, 0, bytes.length, START, true);
    };
    expect(from({ protocol: TCP, flags: 0x02 })).toBe('filter-in-jailed');
    expect(from({ protocol: TCP, flags: 0x12 })).toBeUndefined();
    const udp = { protocol: UDP, sourcePort: 53, targetPort: 1000 };
    expect(from(udp)).toBe('filter-in-jailed');
    expect(from({ protocol: icmp, type: echoRequest, id: 7 })).toBe('filter-in-jailed');
    outbound(ours(family, { protocol: UDP, sourcePort: 1000, targetPort: 53 }));
    outbound(ours(family, { protocol: icmp, type: echoRequest, id: 7 }));
    expect(from(udp)).toBeUndefined();
    expect(from({ protocol: icmp, type: echoReply, id: 7 })).toBeUndefined();
    // The next packet is another peer's.
    expect(inbound(theirs(family, { protocol: TCP, flags: 0x02 }))).toBeUndefined();
    // What it began while it was free ends with that.
    const begun = { protocol: UDP, sourcePort: 54, targetPort: 1000 };
    expect(inbound(theirs(family, begun))).toBeUndefined();
    expect(inbound(theirs(family, begun))).toBeUndefined();
    expect(from(begun)).toBe('filter-in-jailed');
  });

  test('protocols without ports answer too', () => {
    expect(outbound(ours(family, { protocol: GRE }))).toBeUndefined();
    expect(inbound(theirs(family, { protocol: GRE }))).toBeUndefined();
    expect(inbound(theirs(family, { protocol: 50 }))).toBe('filter-in-denied-other');
  });

  test('our ping is answered, with its own number and for a minute', () => {
    const reply = (id: number, now = later(1)): FilterDrop | undefined =>
      inbound(theirs(family, { protocol: icmp, type: echoReply, id }), now);
    expect(reply(77)).toBe('filter-in-denied-icmp');
    expect(outbound(ours(family, { protocol: icmp, type: echoRequest, id: 77 }))).toBeUndefined();
    expect(reply(77)).toBeUndefined();
    expect(reply(78)).toBe('filter-in-denied-icmp');
    expect(reply(77, later(61))).toBe('filter-in-denied-icmp');
    // An answer of ours begins nothing.
    expect(outbound(ours(family, { protocol: icmp, type: echoReply, id: 5 }))).toBeUndefined();
    expect(reply(5)).toBe('filter-in-denied-icmp');
  });

  test('errors about what we sent come in, errors about what we never sent don’t', () => {
    const error = (about: Uint8Array, type = unreachable): FilterDrop | undefined =>
      inbound(theirs(family, { protocol: icmp, type, payload: about }));
    const query = ours(family, { protocol: UDP, sourcePort: 1000, targetPort: 53 });
    const ping = ours(family, { protocol: icmp, type: echoRequest, id: 3 });
    const connection = ours(family, { protocol: TCP });
    expect(error(query)).toBe('filter-in-denied-icmp');
    expect(error(ping)).toBe('filter-in-denied-icmp');
    outbound(query);
    outbound(ping);
    for (const sent of [query, ping, connection]) {
      expect(error(sent)).toBeUndefined();
      expect(error(sent.subarray(0, (family === 4 ? 20 : 40) + 8))).toBeUndefined();
      expect(error(sent, family === 4 ? 11 : 3)).toBeUndefined();
      expect(error(sent, family === 4 ? 5 : 137)).toBe('filter-in-denied-icmp'); // a redirect
    }
    const stranger = { source: OTHER[family], target: THEM[family], protocol: TCP };
    expect(error(packet(stranger))).toBe('filter-in-denied-icmp');
    expect(error(query.subarray(0, 20))).toBe('filter-in-denied-icmp');
    const otherFamily = ours(family === 4 ? 6 : 4, { protocol: TCP });
    expect(error(otherFamily)).toBe('filter-in-denied-icmp');
  });

  test('fragments pass or fail as their first one does', () => {
    filter.set([allow(UDP, 53)], LOCAL);
    const payload = new Uint8Array(1000);
    const first = { protocol: UDP, targetPort: 53, moreFragments: true, payload };
    expect(inbound(theirs(family, first))).toBeUndefined();
    expect(inbound(theirs(family, { ...first, targetPort: 54 }))).toBe('filter-in-denied-udp');
    const rest = { protocol: UDP, fragmentOffset: 1008, payload };
    expect(inbound(theirs(family, rest))).toBeUndefined();
    expect(inbound(packet({ source: THEM[family], target: OTHER[family], ...rest }))).toBe(
      'filter-in-not-for-us',
    );
    expect(inbound(theirs(family, { ...rest, fragmentOffset: 8 }))).toBe('filter-in-fragment');
    expect(inbound(theirs(family, { ...first, payload: payload.subarray(0, 8) }))).toBe(
      'filter-in-fragment',
    );
    expect(outbound(ours(family, rest))).toBeUndefined();
    expect(outbound(ours(family, { ...rest, fragmentOffset: 8 }))).toBe('filter-out-fragment');
  });

  test('only our own addresses may send, and only to somebody', () => {
    filter.set([ALLOW_ALL], LOCAL);
    const to = (source: string, target: string): FilterDrop | undefined =>
      outbound(packet({ source, target, protocol: UDP, targetPort: 1 }));
    const [group, link] = family === 4 ? ['224.0.0.251', '169.254.1.1'] : ['ff02::fb', 'fe80::1'];
    expect(to(US[family], THEM[family])).toBeUndefined();
    expect(to(OTHER[family], THEM[family])).toBe('filter-out-source-not-ours');
    expect(to(US[family], group)).toBe('filter-out-multicast');
    expect(to(US[family], link)).toBe('filter-out-link-local');
    const beyond = family === 4 ? ['169.253.1.1', '170.254.1.1', '223.255.255.255'] : ['fec0::1'];
    for (const target of beyond) expect(to(US[family], target)).toBeUndefined();
    if (family === 4) expect(to(US[4], '255.255.255.255')).toBe('filter-out-multicast');
  });

  test('a rule taken back ends what came in by it, though we answer', () => {
    filter.set([allow(UDP, 53)], LOCAL);
    const query = theirs(family, { protocol: UDP, sourcePort: 1000, targetPort: 53 });
    const answer = ours(family, { protocol: UDP, sourcePort: 53, targetPort: 1000 });
    expect(inbound(query)).toBeUndefined();
    expect(outbound(answer)).toBeUndefined();
    filter.set([], LOCAL);
    expect(outbound(answer)).toBeUndefined();
    expect(inbound(query)).toBe('filter-in-denied-udp');
    // An error about our answer is still of use to us.
    const refusal = { protocol: icmp, type: unreachable, payload: answer };
    expect(inbound(theirs(family, refusal))).toBeUndefined();
  });

  test('a change of rules leaves what we began alone; other addresses of ours end it', () => {
    const query = ours(family, { protocol: UDP, sourcePort: 1000, targetPort: 53 });
    const answer = theirs(family, { protocol: UDP, sourcePort: 53, targetPort: 1000 });
    outbound(query);
    filter.set([allow(TCP, 1)], [...LOCAL].reverse());
    expect(inbound(answer)).toBeUndefined();
    filter.set([allow(TCP, 1)], [...LOCAL, '10.0.0.0/8' as Prefix]);
    expect(inbound(answer)).toBe('filter-in-denied-udp');
  });
});

test('the two ICMPs don’t stand for each other', () => {
  filter.set([allow(TCP, 80)], LOCAL);
  expect(inbound(theirs(6, { protocol: ICMP, type: 8 }))).toBe('filter-in-denied-other');
  expect(inbound(theirs(4, { protocol: ICMPV6, type: 128 }))).toBe('filter-in-denied-other');
  expect(inbound(theirs(4, { protocol: ICMP, type: 8 }))).toBeUndefined();
});

test('cut or flipped packets are judged without a word', () => {
  filter.set([allow(UDP, 53), allow(TCP, 22)], LOCAL);
  const wholes = FAMILIES.flatMap((family) => [
    theirs(family, { protocol: TCP, targetPort: 22 }),
    theirs(family, { protocol: UDP, targetPort: 53, payload: new Uint8Array(20) }),
    theirs(family, {
      protocol: icmpOf(family),
      type: 3,
      payload: ours(family, { protocol: UDP, targetPort: 9 }),
    }),
    theirs(family, { protocol: UDP, fragmentOffset: 640, payload: new Uint8Array(64) }),
  ]);
  for (const whole of wholes) {
    for (let length = 0; length < whole.length; length++) {
      expect(inbound(whole.slice(0, length))).toBe('filter-in-malformed');
      expect(outbound(whole.slice(0, length))).toBe('filter-out-malformed');
    }
  }
  const flipped = fc
    .tuple(
      fc.constantFrom(...wholes),
      fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    )
    .map(([whole, flips]) => {
      const bytes = whole.slice();
      for (const [at, by] of flips) if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ by;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(flipped, fc.uint8Array({ maxLength: 100 })), (bytes) => {
      for (const drop of [inbound(bytes), outbound(bytes)]) {
        if (drop !== undefined) expect(drop).toMatch(/^filter-(in|out)-[a-z-]+$/);
      }
    }),
    { numRuns: 3000 },
  );
});

test('a packet inside a larger memory is judged by its own bytes', () => {
  filter.set([allow(UDP, 53)], LOCAL);
  const good = theirs(6, { protocol: UDP, targetPort: 53 });
  const memory = concatBytes(new Uint8Array(7).fill(255), good, new Uint8Array(9).fill(255));
  expect(filter.inbound(memory, 7, good.length, START)).toBeUndefined();
  expect(filter.inbound(memory, 7, good.length + 9, START)).toBeUndefined();
  expect(filter.inbound(memory, 7, good.length - 1, START)).toBe('filter-in-malformed');
});

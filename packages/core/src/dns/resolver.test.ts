import fc from 'fast-check';
import { expect, test } from 'vitest';
import { viewOf } from '../base/bytes.js';
import { isFailure } from '../base/failure.js';
import { type Instant, instant } from '../base/instant.js';
import { SeededRandom } from '../base/seeded-random.js';
import type { IpAddress } from '../ip/address.js';
import { encodeAnswer, encodeQuery, type OwnRecord } from './encode.js';
import type { DnsTransport } from './io.js';
import {
  type DnsMessage,
  decodeMessage,
  FLAG,
  isTruncated,
  RCODE,
  rcodeOf,
  TYPE,
} from './message.js';
import { type DnsName, parseName, reverseName } from './name.js';
import { type NamedNode, NodeNames } from './node-names.js';
import { formatData, formatRcode } from './record-text.js';
import { DnsResolver } from './resolver.js';
import type { ResolverConfig } from './resolver-config.js';
import { parseUpstream, type Upstream } from './upstream.js';

const name = (text: string): DnsName => parseName(text) ?? ('' as DnsName);

function upstream(text: string): Upstream {
  const parsed = parseUpstream(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function read(bytes: Uint8Array): DnsMessage {
  const message = decodeMessage(bytes);
  if (isFailure(message)) throw new Error(message.reason);
  return message;
}

const NODES = [
  { name: 'alpha.net.example.', addresses: ['100.64.0.7/32', 'fd7a:115c:a1e0::7/128'] },
  { name: 'beta.net.example.', addresses: ['fd7a:115c:a1e0::8/128'] },
  { name: 'bare', addresses: ['100.64.0.9/32'] },
  {
    name: 'wild.net.example.',
    addresses: ['100.64.0.11/32'],
    capabilities: ['dns-subdomain-resolve'],
  },
] as unknown as NamedNode[];

function config(changes: Partial<ResolverConfig> & { withIpv6?: boolean } = {}): ResolverConfig {
  return {
    names: new NodeNames({
      nodes: () => NODES,
      extraRecords: [
        { name: name('wiki.net.example'), address: '100.64.0.9' as IpAddress },
        { name: name('wiki.net.example'), address: '192.0.2.9' as IpAddress },
        { name: name('git.corp.example'), address: '192.0.2.10' as IpAddress },
      ],
      withIpv6: changes.withIpv6 ?? false,
    }),
    suffixes: new Set([name('net.example'), name('64.100.in-addr.arpa')]),
    routes: new Map([
      [name('corp.example'), [upstream('10.0.0.53')]],
      [name('deep.corp.example'), [upstream('10.0.0.54')]],
      [name('lab.net.example'), [upstream('10.0.0.55')]],
    ]),
    defaults: [upstream('9.9.9.9'), upstream('1.1.1.1')],
    ...changes,
  };
}

interface Ask {
  readonly exchange: number;
  readonly to: string;
  readonly transport: DnsTransport;
  readonly query: DnsMessage;
  readonly bytes: Uint8Array;
}

/** A resolver with its outputs sorted into what they are. */
class Play {
  readonly resolver = new DnsResolver(new SeededRandom(7));
  readonly asks: Ask[] = [];
  readonly answers = new Map<number, DnsMessage>();
  readonly answerBytes = new Map<number, Uint8Array>();
  readonly cancelled: number[] = [];
  now: Instant = instant(1000);
  #nextId = 1;

  constructor(changes?: Parameters<typeof config>[0]) {
    this.handle({ type: 'configure', config: config(changes) });
  }

  handle(input: Parameters<DnsResolver['handle']>[0]): void {
    this.resolver.handle(input, this.now);
    for (let output = this.resolver.poll(); output !== undefined; output = this.resolver.poll()) {
      if (output.type === 'ask') {
        const { exchange, transport, bytes } = output;
        const to =
          output.upstream.kind === 'plain' ? output.upstream.endpoint : output.upstream.url;
        this.asks.push({ exchange, to, transport, query: read(bytes), bytes });
      } else if (output.type === 'cancel') {
        this.cancelled.push(output.exchange);
      } else if (output.bytes !== undefined) {
        this.answerBytes.set(output.id, output.bytes);
        const message = decodeMessage(output.bytes);
        if (!isFailure(message)) this.answers.set(output.id, message);
      }
    }
  }

  query(
    text: string,
    type: number = TYPE.a,
    transport: 'udp' | 'tcp' = 'udp',
    edns = true,
  ): number {
    const id = this.#nextId++;
    const question = { name: name(text), type, class: 1 };
    const bytes = encodeQuery({ id, question, dnssecOk: false, checkingDisabled: false, edns });
    this.handle({ type: 'query', id, transport, bytes });
    return id;
  }

  /** Lets time pass, timers fire. */
  wait(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const next = this.resolver.nextTimeout();
      if (next === undefined || next > end) break;
      this.now = instant(Math.max(this.now, next));
      this.handle({ type: 'timeout' });
    }
    this.now = instant(end);
  }

  ask(index: number): Ask {
    const ask = this.asks.at(index);
    if (ask === undefined) throw new Error('nobody was asked');
    return ask;
  }

  /** A resolver answers. */
  reply(
    ask: Ask,
    rcode: number = RCODE.noError,
    records: readonly OwnRecord[] = [a('192.0.2.1')],
    flags = 0,
  ): void {
    const bytes = encodeAnswer(ask.query, ask.bytes, { rcode, authoritative: false, records });
    const view = viewOf(bytes);
    view.setUint16(2, view.getUint16(2) | flags);
    this.handle({ type: 'upstream-answer', exchange: ask.exchange, bytes });
  }

  /** What the client got, as `NOERROR 192.0.2.1`. */
  got(id: number): string {
    const message = this.answers.get(id);
    const bytes = this.answerBytes.get(id);
    if (message === undefined || bytes === undefined) return 'nothing';
    const data = message.records
      .filter(({ section }) => section === 'answer')
      .map((record) => formatData(bytes, record));
    return [formatRcode(rcodeOf(message)), ...data].join(' ');
  }
}

const a = (address: string, ttlS = 300): OwnRecord => ({
  type: TYPE.a,
  ttlS,
  data: Uint8Array.from(address.split('.'), Number),
});

test.each([
  ['alpha.net.example', TYPE.a, 'NOERROR 100.64.0.7'],
  ['ALPHA.net.Example', TYPE.a, 'NOERROR 100.64.0.7'],
  ['alpha.net.example', TYPE.aaaa, 'NOERROR'],
  ['beta.net.example', TYPE.aaaa, 'NOERROR fd7a:115c:a1e0::8'],
  ['beta.net.example', TYPE.a, 'NOERROR'],
  ['alpha.net.example', TYPE.mx, 'NOERROR'],
  ['alpha.net.example', TYPE.any, 'NOERROR 100.64.0.7'],
  ['alpha.net.example', TYPE.soa, 'NOTIMP'],
  ['gamma.net.example', TYPE.a, 'NXDOMAIN'],
  ['x.alpha.net.example', TYPE.a, 'NXDOMAIN'],
  ['net.example', TYPE.a, 'NXDOMAIN'],
  ['a.b.wild.net.example', TYPE.a, 'NOERROR 100.64.0.11'],
  ['wiki.net.example', TYPE.a, 'NOERROR 100.64.0.9 192.0.2.9'],
  ['git.corp.example', TYPE.a, 'NOERROR 192.0.2.10'],
  ['abc.onion', TYPE.a, 'NXDOMAIN'],
  [reverseName('100.64.0.7' as IpAddress), TYPE.ptr, 'NOERROR alpha.net.example.'],
  [reverseName('fd7a:115c:a1e0::7' as IpAddress), TYPE.ptr, 'NOERROR alpha.net.example.'],
  [reverseName('100.64.0.200' as IpAddress), TYPE.ptr, 'NXDOMAIN'],
  [
    reverseName('100.100.100.100' as IpAddress),
    TYPE.ptr,
    'NOERROR magicdns.localhost-tailscale-daemon.',
  ],
  ['magicdns.localhost-tailscale-daemon', TYPE.aaaa, 'NOERROR fd7a:115c:a1e0::53'],
])('known here, asked of nobody: %s %i is %s', (asked, type, expected) => {
  const play = new Play();
  const id = play.query(asked, type);
  expect(play.got(id)).toBe(expected);
  expect(play.asks).toEqual([]);
  expect((play.answers.get(id)?.flags ?? 0) & FLAG.authoritative).not.toBe(0);
});

test('with IPv6 wanted, machines have both addresses', () => {
  const play = new Play({ withIpv6: true });
  expect(play.got(play.query('alpha.net.example', TYPE.aaaa))).toBe('NOERROR fd7a:115c:a1e0::7');
});

test.each([
  ['www.example', '9.9.9.9:53'],
  ['corp.example', '10.0.0.53:53'],
  ['a.corp.example', '10.0.0.53:53'],
  ['a.deep.corp.example', '10.0.0.54:53'],
  // A route inside the network's own suffix, and longer.
  ['a.lab.net.example', '10.0.0.55:53'],
  [reverseName('192.0.2.1' as IpAddress), '9.9.9.9:53'],
])('%s is asked of %s', (asked, to) => {
  const play = new Play();
  const id = play.query(asked);
  expect(play.asks.map((ask) => ask.to)).toEqual([to]);
  play.reply(play.ask(0));
  expect(play.got(id)).toBe('NOERROR 192.0.2.1');
});

test('ids are drawn anew, and only the right answer counts', () => {
  const play = new Play();
  const id = play.query('www.example');
  const ask = play.ask(0);
  expect(ask.query.id).not.toBe(id);
  const wrongId = { ...ask, bytes: ask.bytes.slice() };
  viewOf(wrongId.bytes).setUint16(0, ask.query.id ^ 1);
  play.reply(wrongId);
  const other = encodeQuery({
    id: ask.query.id,
    question: { ...ask.query.question, name: name('other.example') },
    dnssecOk: false,
    checkingDisabled: false,
    edns: true,
  });
  play.reply({ ...ask, bytes: other, query: read(other) });
  play.handle({ type: 'upstream-answer', exchange: ask.exchange, bytes: Uint8Array.of(1, 2) });
  // A query is no answer.
  play.handle({ type: 'upstream-answer', exchange: ask.exchange, bytes: ask.bytes });
  expect(play.got(id)).toBe('nothing');
  expect(play.resolver.counters.get('dns-answer-to-something-else')).toBe(3);
  play.reply(ask);
  expect(play.got(id)).toBe('NOERROR 192.0.2.1');
});

test('a silent resolver: the next one is asked beside it, the first answer wins', () => {
  const play = new Play();
  const id = play.query('www.example');
  play.wait(400);
  expect(play.asks.map(({ to }) => to)).toEqual(['9.9.9.9:53', '1.1.1.1:53']);
  play.reply(play.ask(1));
  expect(play.got(id)).toBe('NOERROR 192.0.2.1');
  expect([...play.cancelled].sort()).toEqual([1, 2]);
  expect(play.resolver.nextTimeout()).toBeUndefined();
});

test('silence: both are asked again, then it is a server failure, and both wait their turn', () => {
  const play = new Play({ defaults: [upstream('9.9.9.9'), upstream('1.1.1.1')] });
  const id = play.query('www.example');
  play.wait(7900);
  expect(play.got(id)).toBe('nothing');
  expect(play.asks).toHaveLength(6);
  expect(new Set(play.asks.map(({ exchange }) => exchange)).size).toBe(2);
  play.wait(200);
  expect(play.got(id)).toBe('SERVFAIL');
  expect(play.resolver.counters.get('dns-no-answer')).toBe(1);
});

test('who did not answer is asked last for a while', () => {
  const play = new Play();
  play.query('www.example');
  play.handle({ type: 'upstream-failed', exchange: play.ask(0).exchange, reason: 'refused' });
  expect(play.ask(1).to).toBe('1.1.1.1:53');
  play.reply(play.ask(1));
  play.query('two.example');
  expect(play.ask(2).to).toBe('1.1.1.1:53');
  play.reply(play.ask(2));
  play.wait(31_000);
  play.query('three.example');
  expect(play.ask(3).to).toBe('9.9.9.9:53');
});

test('a failure brings the next resolver at once; all failures are the failure', () => {
  const play = new Play();
  const id = play.query('www.example');
  play.reply(play.ask(0), RCODE.serverFailure, []);
  expect(play.ask(1).to).toBe('1.1.1.1:53');
  play.reply(play.ask(1), RCODE.refused, []);
  expect(play.got(id)).toBe('SERVFAIL');
});

test('no such name is an answer, and not asked of another', () => {
  const play = new Play();
  const id = play.query('nope.example');
  play.reply(play.ask(0), RCODE.nameError, []);
  expect(play.got(id)).toBe('NXDOMAIN');
  expect(play.asks).toHaveLength(1);
});

test('an answer cut short is fetched over TCP', () => {
  const play = new Play();
  const id = play.query('big.example', TYPE.a, 'tcp');
  play.reply(play.ask(0), RCODE.noError, [], FLAG.truncated);
  expect(play.ask(1)).toMatchObject({ to: '9.9.9.9:53', transport: 'tcp' });
  const many = Array.from({ length: 400 }, (_, i) => a(`10.0.${i >> 8}.${i & 255}`));
  play.reply(play.ask(1), RCODE.noError, many);
  expect(play.answers.get(id)?.records).toHaveLength(400);
});

test('where TCP fails and nobody else answers, the cut answer is better than none', () => {
  const play = new Play({ defaults: [upstream('9.9.9.9')] });
  const id = play.query('big.example');
  play.reply(play.ask(0), RCODE.noError, [], FLAG.truncated);
  play.handle({ type: 'upstream-failed', exchange: play.ask(1).exchange, reason: 'refused' });
  expect(isTruncated(play.answers.get(id) ?? { flags: 0 })).toBe(true);
});

test('an answer too large for the client says so, over TCP it is whole', () => {
  const play = new Play();
  const many = Array.from({ length: 40 }, (_, i) => a(`10.0.0.${i}`));
  const plain = play.query('many.example', TYPE.a, 'udp', false);
  play.reply(play.ask(0), RCODE.noError, many);
  const cut = play.answers.get(plain);
  expect(isTruncated(cut ?? { flags: 0 })).toBe(true);
  expect(cut?.edns).toBeUndefined();
  const whole = play.query('many.example', TYPE.a, 'tcp');
  expect(play.answers.get(whole)?.records).toHaveLength(40);
});

test('a resolver that does not know EDNS is asked without', () => {
  const play = new Play();
  const id = play.query('old.example');
  play.reply(play.ask(0), RCODE.formatError, []);
  expect(play.ask(1)).toMatchObject({ to: '9.9.9.9:53', query: { edns: undefined } });
  play.reply(play.ask(1));
  expect(play.got(id)).toBe('NOERROR 192.0.2.1');
});

test('answers are kept as long as they live, and grow older', () => {
  const play = new Play();
  play.query('www.example');
  play.reply(play.ask(0), RCODE.noError, [a('192.0.2.1', 60)]);
  play.wait(20_500);
  const later = play.query('www.example');
  expect(play.got(later)).toBe('NOERROR 192.0.2.1');
  expect(play.answers.get(later)?.records[0]?.ttl).toBe(40);
  expect(play.asks).toHaveLength(1);
  play.wait(40_000);
  play.query('www.example');
  expect(play.asks).toHaveLength(2);
});

test.each([
  ['a failure', RCODE.serverFailure, []],
  ['a TTL of 0', RCODE.noError, [a('192.0.2.1', 0)]],
  ['nothing, without a SOA', RCODE.nameError, []],
])('not kept: %s', (_, rcode, records) => {
  const play = new Play({ defaults: [upstream('9.9.9.9')] });
  play.query('www.example');
  play.reply(play.ask(0), rcode, records);
  play.query('www.example');
  expect(play.asks).toHaveLength(2);
});

test('other resolvers: what the old ones said is forgotten; other names: it is not', () => {
  const play = new Play();
  play.query('www.example');
  play.reply(play.ask(0));
  play.handle({ type: 'configure', config: config({ suffixes: new Set() }) });
  play.query('www.example');
  expect(play.asks).toHaveLength(1);
  play.handle({ type: 'configure', config: config({ defaults: [upstream('8.8.8.8')] }) });
  play.query('www.example');
  expect(play.ask(-1).to).toBe('8.8.8.8:53');
});

test('the same question is asked once, whoever waits for it; a circle ends by itself', () => {
  const play = new Play({ defaults: [upstream('127.0.0.53')] });
  const ids = Array.from({ length: 64 }, () => play.query('www.example'));
  expect(play.asks).toHaveLength(1);
  const oneTooMany = play.query('www.example');
  expect(play.got(oneTooMany)).toBe('SERVFAIL');
  expect(play.resolver.counters.get('dns-waiters-over-limit')).toBe(1);
  play.reply(play.ask(0));
  expect(ids.map((id) => play.got(id))).toEqual(ids.map(() => 'NOERROR 192.0.2.1'));
});

test('our own address among the resolvers is never asked', () => {
  const own = ['100.100.100.100', '[fd7a:115c:a1e0::53]:53', '100.100.100.100:5353'].map(upstream);
  const play = new Play({ defaults: own });
  expect(play.got(play.query('www.example'))).toBe('SERVFAIL');
  expect(play.resolver.counters.get('dns-no-upstream')).toBe(1);
  const other = new Play({ defaults: [...own, upstream('9.9.9.9')] });
  other.query('www.example');
  expect(other.asks.map(({ to }) => to)).toEqual(['9.9.9.9:53']);
});

test('nobody to ask is a server failure', () => {
  const play = new Play({ defaults: [] });
  expect(play.got(play.query('www.example'))).toBe('SERVFAIL');
  expect(play.got(play.query('alpha.net.example'))).toBe('NOERROR 100.64.0.7');
});

test('questions under way are bounded', () => {
  const play = new Play({ defaults: [upstream('9.9.9.9')] });
  const ids = Array.from({ length: 300 }, (_, i) => play.query(`n${i}.example`));
  const failed = ids.filter((id) => play.got(id) === 'SERVFAIL');
  expect(failed).toHaveLength(300 - 256);
  play.wait(9000);
  expect(ids.every((id) => play.got(id) === 'SERVFAIL')).toBe(true);
  expect(play.resolver.nextTimeout()).toBeUndefined();
});

test('DNS over HTTPS is asked with the id 0, once', () => {
  const play = new Play({ defaults: [upstream('https://dns.example/dns-query')] });
  const id = play.query('www.example');
  expect(play.ask(0)).toMatchObject({ transport: 'https', query: { id: 0 } });
  play.wait(5000);
  expect(play.asks).toHaveLength(1);
  play.reply(play.ask(0));
  expect(play.got(id)).toBe('NOERROR 192.0.2.1');
});

test('what is no query', () => {
  const play = new Play();
  const opcode = encodeQuery({
    id: 9,
    question: { name: name('a.example'), type: TYPE.a, class: 1 },
    dnssecOk: false,
    checkingDisabled: false,
    edns: false,
  });
  viewOf(opcode).setUint16(2, 0x2900);
  play.handle({ type: 'query', id: 900, transport: 'udp', bytes: opcode });
  expect(play.got(900)).toBe('NOTIMP');
  const chaos = opcode.slice();
  viewOf(chaos).setUint16(2, 0x0100);
  chaos[chaos.length - 1] = 3;
  play.handle({ type: 'query', id: 901, transport: 'udp', bytes: chaos });
  expect(play.got(901)).toBe('REFUSED');
  const cut = opcode.slice(0, 14);
  viewOf(cut).setUint16(2, 0);
  play.handle({ type: 'query', id: 902, transport: 'udp', bytes: cut });
  expect(play.answerBytes.get(902)).toHaveLength(12);
  expect((play.answerBytes.get(902)?.[3] ?? 0) & 15).toBe(RCODE.formatError);
  const answer = opcode.slice();
  viewOf(answer).setUint16(2, 0x8000);
  play.handle({ type: 'query', id: 903, transport: 'udp', bytes: answer });
  expect(play.answerBytes.has(903)).toBe(false);
});

test('whatever clients and resolvers say, every client gets at most one answer and nothing stays behind', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('query' as const), n: fc.nat({ max: 3 }) }),
    fc.record({
      kind: fc.constant('reply' as const),
      n: fc.nat({ max: 20 }),
      rcode: fc.constantFrom(0, 1, 2, 3, 5),
      flags: fc.constantFrom(0, FLAG.truncated),
    }),
    fc.record({ kind: fc.constant('fail' as const), n: fc.nat({ max: 20 }) }),
    fc.record({ kind: fc.constant('wait' as const), n: fc.nat({ max: 4000 }) }),
    fc.record({ kind: fc.constant('noise' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const play = new Play();
      const ids: number[] = [];
      for (const one of steps) {
        const ask = 'n' in one ? play.asks[one.n] : undefined;
        if (one.kind === 'query') ids.push(play.query(`n${one.n}.example`));
        else if (one.kind === 'wait') play.wait(one.n);
        else if (one.kind === 'reply' && ask !== undefined)
          play.reply(ask, one.rcode, [], one.flags);
        else if (one.kind === 'fail' && ask !== undefined)
          play.handle({ type: 'upstream-failed', exchange: ask.exchange, reason: 'x' });
        else if (one.kind === 'noise')
          play.handle({ type: 'query', id: 5000, transport: 'udp', bytes: one.bytes });
      }
      play.wait(10_000);
      for (const id of ids) expect(play.got(id)).not.toBe('nothing');
      expect(play.resolver.nextTimeout()).toBeUndefined();
      const open = new Set(play.asks.map(({ exchange }) => exchange));
      for (const exchange of play.cancelled) open.delete(exchange);
      expect(open.size).toBe(0);
    }),
  );
});

/**
 * What the packet filter costs a packet: `node scripts/filter-bench.mjs`, after `npm run build`.
 *
 * Prints nanoseconds per packet for 0, 1 and 1,000 rules, by kind of packet. A rule has a port of its own and
 * twenty sources of its own, so that nothing merges: the worst that 1,000 rules can be.
 */
import { Counters } from '../packages/core/dist/base/counters.js';
import { PacketFilter } from '../packages/core/dist/filter/packet-filter.js';
import { packet } from '../packages/core/dist/filter/testing/packets.js';

const PACKETS = 4096;
const ROUNDS = 250;
const WARM_ROUNDS = 50;
const SOURCES = 20;
const LOCAL = ['100.64.0.1/32', 'fd7a:115c:a1e0::1/128'];
const [TCP, UDP, ICMP] = [6, 17, 1];
const SYN = 2;
const ACK = 16;

/** Source number `host`, in 100.64.0.0/10. */
const address = (host) => `100.${64 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`;

/** Time of the processor, not of the clock: others may be at work beside us. */
function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function ruleSet(count) {
  return Array.from({ length: count }, (_, rule) => ({
    protocols: [TCP, UDP, ICMP],
    sources: Array.from({ length: SOURCES }, (_, i) => `${address(1000 + rule * SOURCES + i)}/32`),
    targets: [{ prefix: '100.64.0.1/32', ports: { first: 1000 + rule, last: 1000 + rule } }],
  }));
}

/** One memory with all packets, as a batch has them. */
function batchOf(make) {
  const packets = Array.from({ length: PACKETS }, (_, i) => make(i));
  const memory = new Uint8Array(packets.length * 128);
  for (const [i, bytes] of packets.entries()) memory.set(bytes, i * 128);
  return { memory, lengths: packets.map((bytes) => bytes.length) };
}

function measure(direction, rules, make) {
  const filter = new PacketFilter(new Counters());
  const began = cpuMs();
  filter.set(rules, LOCAL);
  const compileMs = cpuMs() - began;
  const { memory, lengths } = batchOf(make);
  let passed = 0;
  let start = 0;
  for (let round = -WARM_ROUNDS; round < ROUNDS; round++) {
    if (round === 0) start = cpuMs();
    for (let i = 0; i < PACKETS; i++) {
      if (filter[direction](memory, i * 128, lengths[i], 1e6) === undefined) passed++;
    }
  }
  const ns = ((cpuMs() - start) * 1e6) / (ROUNDS * PACKETS);
  return { ns, compileMs, passed: passed / ((ROUNDS + WARM_ROUNDS) * PACKETS) };
}

/** Packet i comes from a source of rule i and goes to its port. */
const inbound = (protocol, flags) => (count) => (i) =>
  packet({
    source: address(1000 + (i % Math.max(1, count)) * SOURCES),
    target: '100.64.0.1',
    protocol,
    flags,
    sourcePort: 40_000 + (i >> 10),
    targetPort: 1000 + (i % Math.max(1, count)),
  });
const outbound = (protocol) => () => (i) =>
  packet({
    source: '100.64.0.1',
    target: address(1000 + i),
    protocol,
    sourcePort: 40_000,
    targetPort: 443,
    flags: ACK,
  });

const KINDS = [
  ['in, TCP that begins a connection', 'inbound', inbound(TCP, SYN)],
  ['in, TCP of a connection', 'inbound', inbound(TCP, ACK)],
  ['in, UDP', 'inbound', inbound(UDP)],
  ['in, ICMP echo', 'inbound', inbound(ICMP)],
  ['out, TCP', 'outbound', outbound(TCP)],
  ['out, UDP of 4,096 flows', 'outbound', outbound(UDP)],
];

for (const [name, direction, make] of KINDS) {
  for (const count of [0, 1, 1000]) {
    const { ns, compileMs, passed } = measure(direction, ruleSet(count), make(count));
    const share = `${Math.round(passed * 100)} % passed`;
    const compiled = `compiled in ${compileMs.toFixed(1)} ms`;
    console.log(`${name}, ${count} rules: ${ns.toFixed(0)} ns a packet (${share}; ${compiled})`);
  }
}

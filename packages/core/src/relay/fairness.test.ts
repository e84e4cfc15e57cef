/** One receiver that reads slower than others send: who gets through, and how fast. */
import { expect, test } from 'vitest';
import { concatBytes, hexLiteral } from '../base/bytes.js';
import { InMemoryWire, type WiredClient } from './in-memory-wire.js';

const disco = concatBytes(hexLiteral('5453f09f92ac'), new Uint8Array(100));
/** A flood, tagged in its first byte. */
const bulk = (tag: number): Uint8Array => new Uint8Array(1400).fill(tag);

/** Every 10 ms the receiver takes one write (16 KiB, so 13 Mbit/s) while `flood` sends `perTick` packets. */
function overload(
  wire: InMemoryWire,
  receiver: WiredClient,
  ticks: number,
  send: (tick: number) => void,
): void {
  receiver.stalled = true;
  for (let tick = 0; tick < ticks; tick++) {
    send(tick);
    wire.advance(10);
    wire.readOnce(receiver);
  }
}

test('a flooding source starves neither another source nor disco', () => {
  const wire = new InMemoryWire(31);
  const [receiver, flooder, modest] = [wire.connect(), wire.connect(), wire.connect()];
  const sentAt: number[] = [];
  const delays: number[] = [];
  let discoCame = 0;
  let modestCame = 0;
  let floodCame = 0;
  const collect = (): void => {
    for (const { source, packet } of wire.takePackets(receiver)) {
      if (packet.length === disco.length) discoCame += 1;
      else if (source === modest.key) {
        delays.push(wire.now - (sentAt[modestCame] ?? 0));
        modestCame += 1;
      } else floodCame += 1;
    }
  };
  overload(wire, receiver, 200, (tick) => {
    collect();
    for (let i = 0; i < 100; i++) wire.send(flooder, receiver.key, bulk(1));
    wire.send(modest, receiver.key, bulk(2));
    sentAt.push(wire.now);
    if (tick % 10 === 0) wire.send(modest, receiver.key, disco);
  });
  wire.resume(receiver);
  collect();
  expect(modestCame).toBe(200);
  expect(discoCame).toBe(20);
  expect(floodCame).toBeGreaterThan(1500); // the line is used
  expect(floodCame).toBeLessThan(4000);
  expect(wire.server.counters.get('drop-data-full')).toBeGreaterThan(10_000);
  // One packet of the other source waits one or two writes, never behind the flood's 250 packets.
  expect(Math.max(...delays)).toBeLessThanOrEqual(30);
});

test('disco overtakes the data of its own source', () => {
  const wire = new InMemoryWire(32);
  const [receiver, sender] = [wire.connect(), wire.connect()];
  receiver.stalled = true;
  for (let i = 0; i < 100; i++) wire.send(sender, receiver.key, bulk(i));
  wire.send(sender, receiver.key, disco);
  wire.resume(receiver);
  const order = wire.takePackets(receiver).map(({ packet }) => packet.length);
  expect(order.indexOf(disco.length)).toBe(1); // right after the write that was under way
});

test('a flood of disco-looking packets starves neither data nor the disco of others', () => {
  const wire = new InMemoryWire(33);
  const [receiver, flooder, modest] = [wire.connect(), wire.connect(), wire.connect()];
  overload(wire, receiver, 100, (tick) => {
    for (let i = 0; i < 300; i++) wire.send(flooder, receiver.key, disco);
    if (tick % 10 === 0) wire.send(modest, receiver.key, disco);
    wire.send(modest, receiver.key, bulk(tick));
  });
  wire.resume(receiver);
  const fromModest = wire.takePackets(receiver).filter(({ source }) => source === modest.key);
  expect(fromModest.filter(({ packet }) => packet.length === disco.length)).toHaveLength(10);
  expect(fromModest.filter(({ packet }) => packet.length === 1400)).toHaveLength(100);
});

test('ten equal sources get equal shares', () => {
  const wire = new InMemoryWire(34);
  const receiver = wire.connect();
  const senders = Array.from({ length: 10 }, () => wire.connect());
  const shares = new Map(senders.map((sender) => [sender.key, 0]));
  overload(wire, receiver, 100, () => {
    for (const [index, sender] of senders.entries()) {
      for (let i = 0; i < 5 + 5 * index; i++) wire.send(sender, receiver.key, bulk(index));
    }
    for (const { source } of wire.takePackets(receiver))
      shares.set(source, (shares.get(source) ?? 0) + 1);
  });
  const counts = [...shares.values()];
  expect(Math.min(...counts)).toBeGreaterThan(0.85 * Math.max(...counts));
});

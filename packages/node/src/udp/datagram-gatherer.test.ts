import { setImmediate as turn } from 'node:timers/promises';
import type { Endpoint } from '@warren/core/ip/address';
import { expect, test } from 'vitest';
import { DatagramGatherer } from './datagram-gatherer.js';

const [NEAR, FAR] = ['192.0.2.1:7' as Endpoint, '192.0.2.2:8' as Endpoint];
const AT = 32;

function gatherer() {
  const memory = new Uint8Array(AT + DatagramGatherer.memoryBytes);
  const heard: (readonly [number, ...string[]])[] = [];
  const made = new DatagramGatherer(memory, AT, (socketId, batch) => {
    expect(batch.memory).toBe(memory);
    const texts = Array.from({ length: batch.count }, (_, i) => {
      const at = batch.offsets[i] ?? 0;
      const text = Buffer.from(memory.subarray(at, at + (batch.lengths[i] ?? 0)));
      return `${batch.sources[i]} ${text.length > 20 ? text.length : text}`;
    });
    heard.push([socketId, ...texts]);
  });
  const add = (socketId: number, source: Endpoint, text: string): void =>
    made.add(socketId, source, Buffer.from(text));
  return { made, heard, add, memory };
}

test('datagrams of one turn come together, in their order, and those of the next apart', async () => {
  const { heard, add } = gatherer();
  add(1, NEAR, 'a');
  add(1, FAR, 'bc');
  add(1, NEAR, '');
  expect(heard).toEqual([]);
  await turn();
  add(1, NEAR, 'd');
  await turn();
  expect(heard).toEqual([
    [1, `${NEAR} a`, `${FAR} bc`, `${NEAR} `],
    [1, `${NEAR} d`],
  ]);
  await turn();
  expect(heard).toHaveLength(2);
});

test('each batch is of one socket', async () => {
  const { heard, add } = gatherer();
  add(1, NEAR, 'a');
  add(2, NEAR, 'b');
  add(1, NEAR, 'c');
  await turn();
  expect(heard).toEqual([
    [1, `${NEAR} a`],
    [2, `${NEAR} b`],
    [1, `${NEAR} c`],
  ]);
});

test('what has no room is handed on before, and nothing is written before or behind the part', async () => {
  const { heard, add, memory } = gatherer();
  for (let i = 0; i < 300; i++) add(1, NEAR, String(i));
  await turn();
  expect(heard.flatMap(([, ...texts]) => texts)).toEqual(
    Array.from({ length: 300 }, (_, i) => `${NEAR} ${i}`),
  );
  heard.length = 0;
  const largest = 'x'.repeat(65_535);
  for (let i = 0; i < 5; i++) add(1, FAR, largest);
  await turn();
  expect(heard.map(([, ...texts]) => texts.length)).toEqual([2, 2, 1]);
  expect(memory.subarray(0, AT).every((byte) => byte === 0)).toBe(true);
});

test('each begins on a multiple of 16', async () => {
  const offsets: number[] = [];
  const made = new DatagramGatherer(new Uint8Array(DatagramGatherer.memoryBytes), 0, (_, batch) => {
    offsets.push(...batch.offsets.subarray(0, batch.count));
  });
  for (let bytes = 1; bytes <= 40; bytes++) made.add(1, NEAR, new Uint8Array(bytes));
  await turn();
  expect(offsets).toHaveLength(40);
  expect(offsets.every((at) => at % 16 === 0)).toBe(true);
});

test('closed, it hands on nothing more', async () => {
  const { made, heard, add } = gatherer();
  add(1, NEAR, 'a');
  made.close();
  await turn();
  expect(heard).toEqual([]);
});

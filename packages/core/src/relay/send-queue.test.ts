import { expect, test } from 'vitest';
import { Counters } from '../base/counters.js';
import { instant } from '../base/instant.js';
import * as encode from './encode-frames.js';
import { SendQueue } from './send-queue.js';
import { keyA, keyB } from './vectors.js';

const now = instant(0);
const tagged = (tag: number, length: number): Uint8Array => new Uint8Array(length).fill(tag);

function make(): { queue: SendQueue; counters: Counters } {
  const counters = new Counters();
  return { queue: new SendQueue({ bytesMax: 1e9, usedBytes: 0 }, counters), counters };
}

/** All that waits, as the tags of the frames in order (every frame here is longer than a write's target). */
function order(queue: SendQueue): (number | undefined)[] {
  const tags: (number | undefined)[] = [];
  for (let write = queue.takeWrite(now); write !== undefined; write = queue.takeWrite(now))
    tags.push(write[0]);
  return tags;
}

const LARGE = 16 * 1024;

test('control goes before disco and disco before data, whatever came first', () => {
  const { queue } = make();
  queue.addPacket(keyA, false, tagged(100, LARGE), now);
  queue.addPacket(keyA, true, tagged(50, LARGE), now);
  queue.addPacket(keyB, false, tagged(101, LARGE), now);
  queue.addControl(tagged(1, LARGE));
  queue.addControl(tagged(2, LARGE));
  expect(order(queue)).toEqual([1, 2, 50, 100, 101]);
});

test('one write holds about 16 KiB, in class order', () => {
  const { queue } = make();
  for (let i = 0; i < 20; i++) queue.addPacket(keyA, false, tagged(100, 1000), now);
  queue.addPacket(keyB, true, tagged(50, 100), now);
  queue.addKeepAlive();
  queue.addKeepAlive();
  queue.addPong(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const first = queue.takeWrite(now);
  expect(first?.subarray(0, 13)).toEqual(encode.encodePong(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  expect(first?.subarray(13, 18)).toEqual(encode.encodeKeepAlive());
  expect([first?.[18], first?.[118]]).toEqual([50, 100]);
  expect(first?.length).toBe(13 + 5 + 100 + 17_000);
  expect(queue.takeWrite(now)?.length).toBe(3000);
  expect(queue.takeWrite(now)).toBeUndefined();
});

test('a flood of disco leaves data every seventeenth turn', () => {
  const { queue } = make();
  for (let i = 0; i < 100; i++) queue.addPacket(keyA, true, tagged(50, 100), now);
  for (let i = 0; i < 5; i++) queue.addPacket(keyB, false, tagged(100, 100), now);
  const write = queue.takeWrite(now) ?? new Uint8Array();
  const tags = Array.from({ length: write.length / 100 }, (_, i) => write[100 * i]);
  expect(tags.slice(0, 35)).toEqual([
    ...new Array<number>(16).fill(50),
    100,
    ...new Array<number>(16).fill(50),
    100,
    50,
  ]);
});

test('control frames are bounded and the loss is counted', () => {
  const { queue, counters } = make();
  for (let i = 0; i < 5000; i++) queue.addControl(encode.encodePeerGone(keyA, 'disconnected'));
  expect(counters.get('drop-control-full')).toBe(904);
});

test('packets can be given up while control stays', () => {
  const { queue } = make();
  queue.addPacket(keyA, false, tagged(100, 100), now);
  queue.addControl(tagged(1, 100));
  queue.clearPackets();
  expect(queue.packets).toBe(0);
  expect(queue.takeWrite(now)).toEqual(tagged(1, 100));
});

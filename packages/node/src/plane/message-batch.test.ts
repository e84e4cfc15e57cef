import { expect, test } from 'vitest';
import { MessageBatch } from './message-batch.js';

test('messages of one turn are one post, in their order', async () => {
  const posts: (readonly number[])[] = [];
  const batch = new MessageBatch<number>((messages) => posts.push(messages));
  batch.add(1);
  batch.add(2);
  expect(posts).toEqual([]);
  await Promise.resolve();
  expect(posts).toEqual([[1, 2]]);
  batch.add(3);
  batch.flush();
  batch.add(4);
  await Promise.resolve();
  expect(posts).toEqual([[1, 2], [3], [4]]);
  batch.flush();
  expect(posts).toHaveLength(3);
});

test('what is told while a batch goes out is the next', async () => {
  const posts: (readonly number[])[] = [];
  const batch = new MessageBatch<number>((messages) => {
    posts.push(messages);
    if (posts.length === 1) batch.add(2);
  });
  batch.add(1);
  await Promise.resolve();
  await Promise.resolve();
  expect(posts).toEqual([[1], [2]]);
});

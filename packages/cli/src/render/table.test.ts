import { expect, test } from 'vitest';
import { renderTable } from './table.js';

test('columns are as wide as their widest cell, and lines end without spaces', () => {
  expect(
    renderTable([
      ['100.64.0.2', 'desk', '-'],
      ['100.64.0.17', 'printer', 'active; relay "hbt"'],
      ['100.64.0.9', 'b', ''],
    ]),
  ).toEqual([
    '100.64.0.2   desk     -',
    '100.64.0.17  printer  active; relay "hbt"',
    '100.64.0.9   b',
  ]);
});

test('no rows, no lines', () => expect(renderTable([])).toEqual([]));

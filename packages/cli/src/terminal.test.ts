import { expect, test } from 'vitest';
import { Terminal, wantsColour } from './terminal.js';

test('colours follow FORCE_COLOR, then NO_COLOR, then TERM, then the stream', () => {
  const cases: readonly [Record<string, string>, boolean, boolean][] = [
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ TERM: 'dumb' }, true, false],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
  ];
  for (const [environment, isTty, expected] of cases) {
    expect(wantsColour(environment, isTty), JSON.stringify([environment, isTty])).toBe(expected);
  }
});

test('results go to stdout, notes to stderr, each coloured by its own stream', () => {
  const out: string[] = [];
  const err: string[] = [];
  const terminal = new Terminal(
    { isTTY: true, write: (text) => out.push(text) },
    { write: (text) => err.push(text) },
    {},
  );
  terminal.print(terminal.paint('red', 'result'));
  terminal.note(terminal.paintNote('red', 'note'));
  expect(out).toEqual(['\u001b[31mresult\u001b[39m\n']);
  expect(err).toEqual(['note\n']);
});

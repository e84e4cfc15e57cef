import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { parseHujson } from './hujson.js';

const read = (text: string) => parseHujson('/etc/x.hujson', Buffer.from(text));

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

test('comments, trailing commas and a byte order mark are welcome', () => {
  const value = read('\ufeff// mine\n{ /* two */ "names": ["a", "b",], }');
  const names = value.fields(['names']).get('names');
  expect(names?.list().map((name) => name.text())).toEqual(['a', 'b']);
});

test.each([
  ['{\n  "names": [\n    "a" "b"\n  ]\n}', '/etc/x.hujson:3:9: comma expected'],
  ['{ "names": [ }', /:1:14: value expected$|:1:14: close bracket expected$/],
  ['{ names: [] }', /:1:3: (invalid symbol|property name expected)$/],
  ['{ "names": [] } {}', /:1:17: end of file expected$/],
  ['["a"]', '/etc/x.hujson:1:1: one object in { } is expected'],
  ['', /:1:1: value expected$/],
  ['// nothing', /:1:\d+: value expected$/],
  ['{ "names": "a', /unexpected end of string$/],
])('damage is told with its line: %j', (text, expected) => {
  expect(refusal(() => read(text))).toEqual(
    typeof expected === 'string' ? expected : expect.stringMatching(expected),
  );
});

test('unknown and repeated settings are told with their line and what there is', () => {
  expect(refusal(() => read('{\n\n  "nmes": []}').fields(['names', 'port']))).toBe(
    '/etc/x.hujson:3:3: "nmes" is no setting; there is: names, port',
  );
  expect(refusal(() => read('{"names": [],\n"names": []}').fields(['names']))).toBe(
    '/etc/x.hujson:2:1: "names" is set twice',
  );
});

test('a value of another kind is told', () => {
  const fields = read('{"list": {},\n "text": 1}').fields(['list', 'text']);
  expect(refusal(() => fields.get('list')?.list())).toMatch(/:1:10: a list/);
  expect(refusal(() => fields.get('text')?.text())).toMatch(/:2:10: a text in double quotes/);
  expect(refusal(() => fields.get('text')?.fields(['x']))).toMatch(/:2:10: an object/);
});

test('bytes that are no text, and endless nesting, are refused', () => {
  expect(refusal(() => parseHujson('/x', Uint8Array.of(0x7b, 0xff, 0x7d)))).toMatch(/not UTF-8/);
  expect(refusal(() => read(`{"a":${'['.repeat(300_000)}`))).toMatch(/\/etc\/x\.hujson:\d+:\d+: /);
});

test('whatever the file holds, the answer is a value or CONFIG_INVALID', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      refusal(() => read(text).fields(['a']));
    }),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.json()), (fields) => {
      const text = `{${Object.entries(fields)
        .map(([key, json]) => `${JSON.stringify(key)}:${json}`)
        .join()}}`;
      const names = Object.keys(fields);
      expect([...read(text).fields(names).keys()].sort()).toEqual(names.sort());
    }),
  );
});

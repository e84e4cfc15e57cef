import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeFailure, fail } from '../base/failure.js';
import {
  childOf,
  childText,
  escapeXml,
  parseXml,
  xmlMaxChars,
  xmlMaxDepth,
  xmlMaxElements,
} from './xml.js';

describe('a router’s XML', () => {
  test('gives elements by local name, with their text, in the case that they have', () => {
    const root = parseXml(
      '\uFEFF<?xml version="1.0"?>\r\n<!-- <b>no</b> --><s:a xmlns:s = "x" c=\'y\'>\n <b> 1 </b><B/><b >2</b\n></s:a>\n',
    );
    if (root instanceof DecodeFailure) throw new Error(root.reason);
    expect(root.name).toBe('a');
    expect(root.children.map(({ name, text }) => [name, text])).toEqual([
      ['b', '1'],
      ['B', ''],
      ['b', '2'],
    ]);
    expect(childText(root, 'b')).toBe('1');
    expect(childText(root, 'c')).toBe('');
    expect(childOf(root, 'c')).toBeUndefined();
  });

  test('knows the five entities, numbered characters and CDATA', () => {
    const root = parseXml(
      '<a>&lt;&gt;&amp;&quot;&apos;&#233;&#xE9;&#0;&#xd800;<![CDATA[<&x;>]]></a>',
    );
    expect(root).toMatchObject({ text: '<>&"\'éé\ufffd\ufffd<&x;>' });
  });

  test.each([
    ['', 'xml-truncated'],
    ['   ', 'xml-truncated'],
    ['<a>', 'xml-truncated'],
    ['<a', 'xml-truncated'],
    ['<', 'xml-truncated'],
    ['<a><!-- ', 'xml-truncated'],
    ['<a><![CDATA[x</a>', 'xml-truncated'],
    ['<?xml version="1.0"', 'xml-truncated'],
    ['<a></b>', 'xml-malformed'],
    ['<a></A>', 'xml-malformed'],
    ['<s:a></t:a>', 'xml-malformed'],
    ['<a></a/>', 'xml-malformed'],
    ['</a>', 'xml-malformed'],
    ['<a/><a/>', 'xml-malformed'],
    ['x<a/>', 'xml-malformed'],
    ['<a/>x', 'xml-malformed'],
    ['<a b=c/>', 'xml-malformed'],
    ['<a b="<"/>', 'xml-malformed'],
    ['<1/>', 'xml-malformed'],
    ['<!DOCTYPE a><a/>', 'xml-doctype'],
    ['<a><!ELEMENT b></a>', 'xml-doctype'],
    ['<a>&b;</a>', 'xml-entity'],
    ['<a>b & c</a>', 'xml-entity'],
    ['<a>&amp</a>', 'xml-entity'],
    ['<a>&#99999999;</a>', 'xml-entity'],
  ])('refuses %j: %s', (text, reason) => {
    expect(parseXml(text)).toBe(fail(reason));
  });

  test('an entity bomb is refused before anything expands', () => {
    const lol = Array.from(
      { length: 9 },
      (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`,
    );
    const bomb = `<?xml version="1.0"?><!DOCTYPE z [<!ENTITY l0 "lol">${lol.join('')}]><z>&l9;</z>`;
    expect(parseXml(bomb)).toBe(fail('xml-doctype'));
    expect(parseXml('<!DOCTYPE a SYSTEM "http://192.168.1.1/x"><a/>')).toBe(fail('xml-doctype'));
  });

  test('depth, number and length have limits', () => {
    const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth);
    expect(parseXml(nested(xmlMaxDepth))).toMatchObject({ name: 'a' });
    expect(parseXml(nested(xmlMaxDepth + 1))).toBe(fail('xml-too-deep'));
    const wide = (count: number) => `<a>${'<b/>'.repeat(count - 1)}</a>`;
    expect(parseXml(wide(xmlMaxElements))).toMatchObject({ name: 'a' });
    expect(parseXml(wide(xmlMaxElements + 1))).toBe(fail('xml-too-many-elements'));
    const long = (length: number) => `<a>${' '.repeat(length - 7)}</a>`;
    expect(parseXml(long(xmlMaxChars))).toMatchObject({ name: 'a' });
    expect(parseXml(long(xmlMaxChars + 1))).toBe(fail('xml-too-long'));
  });

  test('what was escaped comes back', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const root = parseXml(`<a>${escapeXml(text)}</a>`);
        expect(root).toMatchObject({ text: text.trim() });
      }),
    );
  });

  test('whatever the text, there is an element or a reason', () => {
    const piece = fc.constantFrom(
      ...['<a>', '</a>', '<', '>', '&', ';', '<!--', '-->', '<![CDATA[', ']]>', '<?', ' b="'],
      ...['"', "'", '&amp;', '<a ', '/>', '<s:a>', '\n', 'x', '<!DOCTYPE'],
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 60 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (any) => {
        const root = parseXml(any);
        expect(root instanceof DecodeFailure || typeof root.name === 'string').toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each(['<', '<a ', '<a b="', '&', '<!--', '<a>', ' ', '<a b', '<?', '<![CDATA['])(
    'a text full of %j takes no more than linear time',
    (piece) => {
      const text = `<r>${piece.repeat(Math.floor((xmlMaxChars - 3) / piece.length))}`;
      for (let i = 0; i < 20; i++) expect(parseXml(text)).toBeInstanceOf(DecodeFailure);
    },
    5_000,
  );
});

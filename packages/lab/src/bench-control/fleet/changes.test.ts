import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CHANGES_MAX, changesIn, endpointOfChange } from './changes.js';

test('a change is found in a message again, whatever stands around it', () => {
  const change = fc.integer({ min: 0, max: CHANGES_MAX - 1 });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
      const patches = changes.map((each, NodeID) => ({
        NodeID,
        Endpoints: ['192.168.7.9:41641', endpointOfChange(each), '[fd00::1]:41999'],
      }));
      const text = JSON.stringify({ PeersChangedPatch: patches, Domain: '10.0.0.1:41999' });
      expect(changesIn(Buffer.from(text))).toEqual([...changes, 1]);
    }),
  );
});

test('other addresses on the port are no changes', () => {
  expect(changesIn(Buffer.from('["11.0.0.1:41999", "[fd7a::1]:41999", :41999"'))).toEqual([]);
});

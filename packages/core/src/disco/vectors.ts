/**
 * Disco test vectors in hex. Computed for Warren's protocol notes and re-opened with an independent
 * implementation. Nonces count up from their first byte.
 */

export const keys = {
  aPrivate: '6062636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f40',
  aPublic: '244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49',
  bPrivate: '8082838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f60',
  bPublic: '883186b800b41d5cf0429695da9b3cc4f328ebcd184a6e482fa578c103f06c77',
  /** Node key of A. */
  nodeA: '5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b',
};

export const transactionId = 'a0a1a2a3a4a5a6a7a8a9aaab';

const fromA = '5453f09f92ac244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49';
const fromB = '5453f09f92ac883186b800b41d5cf0429695da9b3cc4f328ebcd184a6e482fa578c103f06c77';

export const ping = {
  sender: 'a',
  nonceFrom: 0x50,
  inner: `0100${transactionId}5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b`,
  envelope:
    `${fromA}505152535455565758595a5b5c5d5e5f6061626364656667` +
    'b3ff6a8d1b86e2e965d576c912578fd36d246a1e9f154e302f97b6c96012be67e69833f036671d0ca66b50a3588b5868' +
    '1a7680c9e1f338a1c426026933d0',
} as const;

/** The same with 16 bytes of padding. */
export const paddedPing = {
  sender: 'a',
  nonceFrom: 0x51,
  inner: `${ping.inner}${'00'.repeat(16)}`,
  envelope:
    `${fromA}5152535455565758595a5b5c5d5e5f606162636465666768` +
    '376b7784cb96242238152261e6dc8a46c2554ee1b4dc7eee67c545516c87dbddec794a89db628d1be9c169ecbe9563f2' +
    '06c78340a4c4df58f25e134c8343f013e1f550696b9b71015713b9f71745',
} as const;

export const pongV4 = {
  sender: 'b',
  nonceFrom: 0x60,
  source: '203.0.113.9:54321',
  inner: `0200${transactionId}00000000000000000000ffffcb007109d431`,
  envelope:
    `${fromB}606162636465666768696a6b6c6d6e6f7071727374757677` +
    '193b8286c74d12c5db04e40eeb87e82ed51e3de669a41dc773c28a8340bee1e945b1a167acdf90e7b5610c7707986988',
} as const;

export const pongV6 = {
  sender: 'b',
  nonceFrom: 0x61,
  source: '[2001:db8::9]:41641',
  inner: `0200${transactionId}20010db8000000000000000000000009a2a9`,
  envelope:
    `${fromB}6162636465666768696a6b6c6d6e6f707172737475767778` +
    '28173164308f8c5ccc44281ad8542412838b1c85c300adf41737da1b9d4893c996e555712fc1c36091a321aad94fb423',
} as const;

export const callMeMaybe = {
  sender: 'a',
  nonceFrom: 0x70,
  endpoints: ['203.0.113.9:54321', '192.168.1.5:41641', '[2001:db8::9]:41641'],
  inner:
    '030000000000000000000000ffffcb007109d43100000000000000000000ffffc0a80105a2a9' +
    '20010db8000000000000000000000009a2a9',
  envelope:
    `${fromA}707172737475767778797a7b7c7d7e7f8081828384858687` +
    '5ed84eaa2a213d4d94a87b9ce6a9c242208b3ddb8a1a4e2da2a6d7bc1b8f596739ad0de137a11ce5f5985847a7659cea' +
    'bb0c6122129e5ee8154843321079a0956557973d6d1340d8',
} as const;

/** Headers of eight bytes, VNI 0x012345. */
export const geneve = {
  controlDisco: '00807a1101234500',
  dataDisco: '00007a1101234500',
  wireGuard: '00007a1201234500',
};

/**
 * Test vectors of the ts2021 transport. Computed for Warren's protocol notes by a program whose code
 * path also reproduces the public vectors of Noise_IK_25519_ChaChaPoly_BLAKE2s. Hex unless said.
 */

/** 32 consecutive byte values from `first`. */
function consecutive(first: number): string {
  return Array.from({ length: 32 }, (_, i) => (first + i).toString(16).padStart(2, '0')).join('');
}

export const keys = {
  clientPrivate: consecutive(0x01),
  clientPublic: '07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c',
  serverPrivate: consecutive(0x41),
  serverPublic: '64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466',
  clientEphemeral: consecutive(0x81),
  clientEphemeralPublic: '883186b800b41d5cf0429695da9b3cc4f328ebcd184a6e482fa578c103f06c77',
  serverEphemeral: consecutive(0xc1),
  serverEphemeralPublic: '3a553d74792d727efa9b9a4cde3da1ad93f1a2d0c09cb639b1a3c0fda14cbe24',
  challengePrivate: consecutive(0x21),
};

export const version = 145;

/** What the symmetric state goes through. */
export const handshake = {
  hashAfterServerKey: 'e83a9f2c5a0bbce612e9af0c578bc975883090953430bc82f10327bbd07feec8',
  esKey: '57f28929335ecafbaa66c4fb32974647a9d2e526872d563bf3f8e911749ef72b',
  ssKey: '81c680f9e10b83fae2a11075cc4fe864f95ba06a0c7f003b3586ccbc69e84d63',
  hashAfterMessage1: '853d79a15d445b947bf1afc1728e0f9512d9f9b81abb058bd9001ae46feb1c8f',
  seKey: 'cf5ab120394938ee1a5885a068e1b7b0a2ea7c8296842e2e1a7ebbc123099b23',
  finalHash: 'e8b683e81df6e7a714f21fe6663133f19f15a1fe8d4410eddbd364beee3ae3a4',
  clientToServer: '31f30c46ac033019baafa7863162463ba111d10fa51592725b06f24ac469720e',
  serverToClient: '2aecc4e7049a761e392ee4ca2efc642d5d3a4ee59bb213c4025cf6c47c9ec02b',
};

export const initiation =
  '0091010060883186b800b41d5cf0429695da9b3cc4f328ebcd184a6e482fa578c103f06c77' +
  '7e515e2649e7bc3053b2ad63f8f50b185b3f445b2075edc5928e529b876fcf97ae3ee0da3d38e1874801d846364231' +
  '4cbcbea376c3727e41ddf9574936a13fef';

/** Standard base64 of the initiation. */
export const initiationHeader =
  'AJEBAGCIMYa4ALQdXPBClpXamzzE8yjrzRhKbkgvpXjBA/Bsd35RXiZJ57wwU7KtY/j1CxhbP0RbIHXtxZKOUpuHb8+Xrj7g' +
  '2j044YdIAdhGNkIxTLy+o3bDcn5B3flXSTahP+8=';

export const response =
  '0200303a553d74792d727efa9b9a4cde3da1ad93f1a2d0c09cb639b1a3c0fda14cbe24' +
  '8e45350442687b922fae77679013f6dc';

export const errorFrame = { text: 'bad version', frame: '03000b6261642076657273696f6e' };

/** Client to server, in order: HTTP/2 preface with empty SETTINGS, SETTINGS acknowledgement, record 256. */
export const clientRecords = {
  preface: '505249202a20485454502f322e300d0a0d0a534d0d0a0d0a000000040000000000',
  record0:
    '040031823cc0f7287d188e2dfe37990c1c9a6ac5cced56434e0fe68ad54c0549f4de0fd5d0e9ac7537db27e6ba3a641404e05e86',
  settingsAck: '000000040100000000',
  record1: '0400194a8a096834218cee27303173a39a90f8acf0f380ce90ee708c',
  /** Plaintext "x" at counter 256: shows a little-endian counter. */
  record256: '040011b2a54b25c6cedee092181ce7c424e96cfe',
  /** No plaintext at counter 0. */
  empty0: '04001023de220b7c0c25bf273bf0920f6d2e77',
};

/** Server to client. */
export const earlyPayload = {
  challenge: '5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b',
  json: '{"nodeKeyChallenge":"chalpub:5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b"}',
  /** Magic, length and JSON in a record each, as headscale writes. */
  inThree: [
    '040015af164ee112ff7810446b92e4d75ff291558c93ea7d',
    '0400149ae4887dd7377d17af7e40cbca5776ee5cddf7e9',
    '04006f19c77ddd5940caaf4b4adf47a09c076398ad1564aff1804322b5ac1663418f607f636bc9207af5a90c56501fec' +
      'c5e633f05226d4a8391ae62dcda0aa9a1d50f3bfa605550e9c73902902551748dba5b875d5a75bbce2ae5457d460f1b1' +
      '00197e2a088ff74fe45ca064a705cac23a14',
  ],
  inOne:
    '040078af164ee112422d38f626764cf32cbf84a9d213df818c4dafc657ca4b097ad143628035fac6b5cd59b1d499a1d0' +
    '9996620cf34e4d9407483abb88e1f6f075dcb534609d0939273cd3a4602e6beac7273fe61a53fd9e925f1be0f37b9039' +
    '025be81f3bacadaab515162c810c3702538326a1a5916bbcd787f9',
  emptySettings: '000000040000000000',
  /** Record 1 after `inOne`, holding `emptySettings`. */
  settingsAfterOne: '0400199ae48826913129ce1ea72a6ae9a0d2e71a6d0237804c8d6664',
};

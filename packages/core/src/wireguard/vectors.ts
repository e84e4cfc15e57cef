/**
 * One handshake with everything fixed, recorded as hex. Provenance: computed by Warren; the initiation and
 * the keepalive of the transcript without a pre-shared key were accepted by Debian's wireguard-go in the
 * interop run.
 */

/** What both transcripts start from. */
export const FIXED = {
  initiatorPrivate: '0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20',
  initiatorPublic: '07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c',
  responderPrivate: '2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40',
  responderPublic: '5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b',
  /** What the random source gives before clamping. */
  initiatorEphemeral: '4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60',
  responderEphemeral: '6162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80',
  initiatorIndex: 0x11223344,
  responderIndex: 0x55667788,
  /** 2026-01-01 00:00:00 UTC and seven granules of 2^24 ns. */
  timestampSeconds: 1_767_225_600,
  timestampNanoseconds: 117_440_512,
  /** The five bytes that the data message carries. */
  payload: '4500000506',
} as const;

/** The initiation doesn't depend on the pre-shared key. */
export const INITIATION =
  '010000004433221164b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466' +
  '158a0e4ca242d151ca97ab90159a98b67e616625e68b4065d357376b6598e644ad7d678c0295d22d' +
  'e4cb43d5135581ed36346bfa70f262122639f8936e434f086beeb97714bcd10c69f339008358ff99' +
  '88e59cc573883ae72beab58800000000000000000000000000000000';

/** What follows the initiation. */
export interface Transcript {
  readonly presharedKey: string;
  readonly response: string;
  readonly initiatorSendKey: string;
  readonly initiatorReceiveKey: string;
  /** The initiator's message 0. */
  readonly keepalive: string;
  /** The initiator's message 1. */
  readonly data: string;
}

/** As between peers of a mesh. */
export const WITHOUT_PRESHARED_KEY: Transcript = {
  presharedKey: '0000000000000000000000000000000000000000000000000000000000000000',
  response:
    '020000008877665544332211244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebf' +
    'e7adad493b842b2784382b1509c063f3fc5209f72819765ba458778bfeb792e0fab3dc3500000000' +
    '000000000000000000000000',
  initiatorSendKey: 'c5f330b6dc92c8bd4124800733b33cd9d7e5dd2ac8c782e1b558f9b2b60804d8',
  initiatorReceiveKey: 'df0e53eac779a4c1ab023907c8dda549efdbf8ca9a4ce931ba1d27a2a8be73f9',
  keepalive: '04000000887766550000000000000000fd3ffdf38f1bfad20a6fdb169d83d3d3',
  data: '04000000887766550100000000000000d2b860426d829cdf8bec09c816167c49b17d5e65a56ca24792a9f1c4b13588bf',
};

/** Covers the psk token alone. */
export const WITH_PRESHARED_KEY: Transcript = {
  presharedKey: '8182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0',
  response:
    '020000008877665544332211244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebf' +
    'e7adad49adcbc3a3aa7c3512b63c48d50d43b6b3a533450da346f69954788b5eda63ed1300000000' +
    '000000000000000000000000',
  initiatorSendKey: '248a29611829aaf7ee8bc8e87df805c1019f08f82d80eb79b7625821ba0a1317',
  initiatorReceiveKey: '848308e622b3e15e5ebc5312111efc31082e86c85e9ee93fe8c5aa7f972cc9c3',
  keepalive: '04000000887766550000000000000000c7401bed732b18f3c0e395fc3f7435fa',
  data: '04000000887766550100000000000000a3896f5e46200d3d7edb9e9a5e9c1ba444843bcf7318115b3949c289387541e7',
};

/**
 * Cookie replies to the initiation above. Provenance: computed with CPython's hashlib, its cryptography
 * package and an HChaCha20 written for the purpose, which gave the vectors of draft-irtf-cfrg-xchacha first.
 */
export const COOKIES = {
  secret: 'a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0',
  nonce: 'c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8',
  /** 192.0.2.1:41641 and [2001:db8:a::7]:41641 as bytes, and what the initiator makes of each reply. */
  sources: [
    {
      source: 'c0000201a2a9',
      reply:
        '0300000044332211c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8' +
        '75d8186b194cb4c68cab31f8c065a5f4d533c990bd74e534e9ce067f5f28c98a',
      mac2: '86132c800263e9e67549b10542879154',
    },
    {
      source: '20010db8000a00000000000000000007a2a9',
      reply:
        '0300000044332211c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8' +
        '69e1a7a8ce7c3b034f1ef76376e8c3c1ab29bf29f7cec33e5d3e9584b56ff354',
      mac2: '411d5fcd075c3ff5706b892e7f6417fb',
    },
  ],
} as const;

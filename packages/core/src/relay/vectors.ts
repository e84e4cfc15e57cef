/**
 * Test vectors of DERP, protocol version 2. Computed for Warren's protocol notes; the boxes were re-opened with an
 * independent implementation of NaCl.
 */
import { hexLiteral } from '../base/bytes.js';
import {
  type NodeKey,
  type NodePrivateKey,
  privateKeyFromBytes,
  publicKeyFromBytes,
  type RelayKey,
  type RelayPrivateKey,
} from '../keys/keys.js';

const nodeKey = (hex: string): NodeKey => publicKeyFromBytes('node', hexLiteral(hex));
const nodePrivateKey = (hex: string): NodePrivateKey =>
  privateKeyFromBytes('node', hexLiteral(hex));

export const serverPrivateKey: RelayPrivateKey = privateKeyFromBytes(
  'relay',
  hexLiteral('0002030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f60'),
);
export const serverKey: RelayKey = publicKeyFromBytes(
  'relay',
  hexLiteral('07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c'),
);
export const privateKeyA: NodePrivateKey = nodePrivateKey(
  '2022232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40',
);
export const keyA: NodeKey = nodeKey(
  '5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b',
);
export const privateKeyB: NodePrivateKey = nodePrivateKey(
  '4042434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60',
);
export const keyB: NodeKey = nodeKey(
  '64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466',
);

/** Nonces of the two boxes: bytes 0x10.. and 0x30.. */
export const clientNonce: Uint8Array = Uint8Array.from({ length: 24 }, (_, i) => 0x10 + i);
export const serverNonce: Uint8Array = Uint8Array.from({ length: 24 }, (_, i) => 0x30 + i);

/** "hello-derp". */
export const packet: Uint8Array = hexLiteral('68656c6c6f2d64657270');

/** Whole frames. The ClientInfo box holds `{"version":2,"CanAckPings":true}`, ServerInfo's `{"version":2}`. */
export const FRAMES = {
  serverKey: hexLiteral(
    '010000002844455250f09f949107a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c',
  ),
  clientInfo: hexLiteral(
    '02000000685869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b' +
      '101112131415161718191a1b1c1d1e1f2021222324252627' +
      'a296cccb15fadd19c672a385e72e460fb1949c043edaaf3b297441c81e97b6c8f5e2834bca05f96953b17d3158ddbe0b',
  ),
  serverInfo: hexLiteral(
    '0300000035303132333435363738393a3b3c3d3e3f4041424344454647' +
      'a4263825c853808bfc5759f63a846f6f3d34c7c1258173c0401a5c0f6d',
  ),
  sendPacketToB: hexLiteral(
    '040000002a64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d4846668656c6c6f2d64657270',
  ),
  recvPacketFromA: hexLiteral(
    '050000002a5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b68656c6c6f2d64657270',
  ),
  forwardPacketAToB: hexLiteral(
    '0a0000004a5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b' +
      '64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d4846668656c6c6f2d64657270',
  ),
  keepAlive: hexLiteral('0600000000'),
  notePreferredTrue: hexLiteral('070000000101'),
  notePreferredFalse: hexLiteral('070000000100'),
  peerGoneBDisconnected: hexLiteral(
    '080000002164b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d4846600',
  ),
  peerGoneBNotHere: hexLiteral(
    '080000002164b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d4846601',
  ),
  /** 192.0.2.7:41641, regular. */
  peerPresentB4: hexLiteral(
    '090000003364b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d4846600000000000000000000ffffc0000207a2a901',
  ),
  /** [2001:db8::7]:443, mesh peer and not ideal. */
  peerPresentB6: hexLiteral(
    '090000003364b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d4846620010db800000000000000000000000701bb0a',
  ),
  watchConns: hexLiteral('1000000000'),
  closePeerB: hexLiteral(
    '110000002064b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466',
  ),
  ping: hexLiteral('12000000080102030405060708'),
  pong: hexLiteral('13000000080102030405060708'),
  healthDuplicate: hexLiteral('14000000146475706c696361746520636f6e6e656374696f6e'),
  healthCleared: hexLiteral('1400000000'),
  /** 1500 ms, 5000 ms. */
  restarting: hexLiteral('1500000008000005dc00001388'),
} as const;

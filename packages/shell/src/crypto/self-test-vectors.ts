import { xChaCha20Poly1305 } from '@warren/core/crypto/vectors';

/** Published answers of the primitives; see self-test.ts for the sources. Hex unless it is text. */
export const VECTORS = {
  /** RFC 7748 section 6.1. */
  aliceX25519: {
    private: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
    public: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
  },
  bobX25519: {
    private: '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
    public: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  },
  x25519Shared: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  /** RFC 7748 section 5.2, first vector. */
  x25519Unclamped: {
    scalar: 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    point: 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    product: 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  },
  /** RFC 8439 section 2.8.2; the plaintext is text. */
  aead: {
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    nonce: '070000004041424344454647',
    associated: '50515253c0c1c2c3c4c5c6c7',
    plaintext:
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    sealed:
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6' +
      '3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36' +
      '92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc' +
      '3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691',
  },
  xAead: xChaCha20Poly1305,
  /** FIPS 180-2 appendix B.1. */
  sha256Abc: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  /** RFC 7693 appendix B. */
  blake2s256Abc: '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
  /** Computed with CPython's hashlib. */
  blake2s128Abc: 'aa4938119b1dc7b87cbad0ffd200d0ae',
  /** First keyed vector of the BLAKE2 reference set: key 00..1f, no input. */
  blake2sKeyedEmpty: '48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49',
  /** Computed with CPython's hmac and hashlib: key 00..1f, input 20..5f. */
  hmac: {
    key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    input:
      '202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f' +
      '404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f',
    output: '7f4652419209851ccdeaec18a7dd1617dac68e431ab17a8ad6321efe85aa1296',
  },
  /** The example of "Cryptography in NaCl" (2009), sections 5 to 10; keys are Alice's and Bob's above. */
  box: {
    shared: '1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389',
    nonce: '69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37',
    plaintext:
      'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc' +
      'e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31' +
      '0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde' +
      '048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864' +
      '5e0705',
    sealedStart: 'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce',
  },
} as const;

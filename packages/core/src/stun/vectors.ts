/**
 * STUN test vectors in hex. `request` and `responses` were computed for Warren's protocol notes and
 * decoded by an independent implementation; `rfc5769` is RFC 5769 sections 2.1 to 2.3.
 */

const header = '2112a442000102030405060708090a0b';

export const transactionId = '000102030405060708090a0b';

export const request = `00010014${header}802200087461696c6e6f6465802800048aabad90`;

export const responses = {
  v4: {
    bytes: `0101000c${header}002000080001f523ea12d54b`,
    mapped: '203.0.113.9:54321',
  },
  v6: {
    bytes: `01010018${header}00200014000283bb0113a9fa000102030405060708090a02`,
    mapped: '[2001:db8::9]:41641',
  },
  /** IPv4 in family 2, as servers with a dual-stack socket write it. */
  v4InV6: {
    bytes: `01010018${header}002000140002f5232112a442000102030405f9f8c3097b02`,
    mapped: '203.0.113.9:54321',
  },
  plain: {
    bytes: `0101000c${header}000100080001d431cb007109`,
    mapped: '203.0.113.9:54321',
  },
  draftNumber: {
    bytes: `0101000c${header}802000080001f523ea12d54b`,
    mapped: '203.0.113.9:54321',
  },
};

const rfcHeader = '2112a442b7e7a701bc34d686fa87dfae';

export const rfc5769 = {
  transactionId: 'b7e7a701bc34d686fa87dfae',
  /** With SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY, FINGERPRINT. */
  request:
    `00010058${rfcHeader}802200105354554e207465737420636c69656e74002400046e0001ff` +
    '80290008932ff9b151263b36000600096576746a3a68367659202020' +
    '000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf',
  v4: {
    bytes:
      `0101003c${rfcHeader}8022000b7465737420766563746f7220002000080001a147e112a643` +
      '000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96',
    mapped: '192.0.2.1:32853',
  },
  v6: {
    bytes:
      `01010048${rfcHeader}8022000b7465737420766563746f7220` +
      '002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9' +
      '00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c',
    mapped: '[2001:db8:1234:5678:11:2233:4455:6677]:32853',
  },
};

/**
 * RFC 5780, computed with an independent implementation. The server: 192.0.2.1, 192.0.2.2 and 2001:db8::1, ports 3478
 * and 3479.
 */
export const changes = {
  port: `0001001c${header}802200087461696c6e6f6465000300040000000280280004e4915c5c`,
  address: `0001001c${header}802200087461696c6e6f64650003000400000004802800040df2f969`,
  both: `0001001c${header}802200087461696c6e6f6465000300040000000680280004e3fc9845`,
  /** Of both, without FINGERPRINT, and with PADDING of 24 bytes. */
  padded: `00010024${header}000300040000000600260018${'00'.repeat(24)}`,
  /** From 192.0.2.2:3479. */
  paddedAnswer: {
    bytes: `01010024${header}002000080001f523ea12d54b802b000800010d97c0000202802c000800010d97c0000202`,
    mapped: '203.0.113.9:54321',
    origin: '192.0.2.2:3479',
    other: '192.0.2.2:3479',
  },
  v6Answer: {
    bytes:
      `01010048${header}00200014000283bb0113a9fa000102030405060708090a02` +
      '802b001400020d9720010db8000000000000000000000001802c001400020d9720010db8000000000000000000000001',
    mapped: '[2001:db8::9]:41641',
    origin: '[2001:db8::1]:3479',
    other: '[2001:db8::1]:3479',
  },
} as const;

/**
 * Packets of NAT-PMP and PCP as hex. Computed for Warren's protocol notes from RFC 6886 and RFC 6887 and decoded
 * again with an independent implementation.
 *
 * Own address 192.168.1.5, internal port 41641, external 203.0.113.9:50123, nonce c0..cb.
 */
export const natpmpVectors = {
  externalAddressRequest: '0000',
  externalAddressResponse: '0080000000015180cb007109',
  mapRequest: '00010000a2a9000000001c20',
  mapRenewal: '00010000a2a9c3cb00001c20',
  mapDelete: '00010000a2a9000000000000',
  mapResponse: '0081000000015181a2a9c3cb00001c20',
  mapRefused: '0081000200015181a2a9000000000000',
  unsupportedVersion: '0080000100015180',
} as const;

export const pcpVectors = {
  announceRequest: '020000000000000000000000000000000000ffffc0a80105',
  announceResponse: '0280000000000000000003e8000000000000000000000000',
  mapRequest:
    '0201000000001c2000000000000000000000ffffc0a80105c0c1c2c3c4c5c6c7c8c9cacb11000000a2a9000000000000000000000000ffff00000000',
  mapRenewal:
    '0201000000001c2000000000000000000000ffffc0a80105c0c1c2c3c4c5c6c7c8c9cacb11000000a2a9c3cb00000000000000000000ffffcb007109',
  mapResponse:
    '0281000000001c20000003e9000000000000000000000000c0c1c2c3c4c5c6c7c8c9cacb11000000a2a9c3cb00000000000000000000ffffcb007109',
  mapNotAuthorised:
    '0281000200000708000003e9000000000000000000000000c0c1c2c3c4c5c6c7c8c9cacb11000000a2a9000000000000000000000000ffff00000000',
  mapAddressMismatch:
    '0281000c00000708000003e9000000000000000000000000c0c1c2c3c4c5c6c7c8c9cacb11000000a2a9000000000000000000000000ffff00000000',
  mapDelete:
    '020100000000000000000000000000000000ffffc0a80105c0c1c2c3c4c5c6c7c8c9cacb11000000a2a9c3cb00000000000000000000ffffcb007109',
} as const;

/** Stored: client second 100, epoch 1000. `continued`: the mappings are still there (PCP's rule). */
export const pcpEpochVectors = [
  { clientSeconds: 160, epochSeconds: 1060, continued: true },
  { clientSeconds: 160, epochSeconds: 1055, continued: true },
  { clientSeconds: 160, epochSeconds: 1003, continued: false },
  { clientSeconds: 160, epochSeconds: 998, continued: false },
  { clientSeconds: 101, epochSeconds: 999, continued: true },
  { clientSeconds: 101, epochSeconds: 1010, continued: false },
] as const;

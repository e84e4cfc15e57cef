/** Which cipher packets go through and how fast each is, as people read it. */
import type { CipherReport, CipherRow } from '@warren/node/crypto/cipher-report';
import { printable } from './printable.js';
import { renderTable } from './table.js';

const WHAT: Readonly<Record<CipherRow['name'], string>> = {
  raw: 'inner functions of the OpenSSL in Node',
  evp: "OpenSSL's public interface",
  node: 'node:crypto',
};

/** Bits per nanosecond are gigabits per second. */
function gigabits(bytes: number, ns: number): string {
  return `${((bytes * 8) / ns).toFixed(1)} Gbit/s`;
}

export function renderCiphers(report: CipherReport): string[] {
  const { chosen, isForced, node, openssl, packetBytes, ciphers } = report;
  const why = isForced ? 'as WARREN_CRYPTO asks' : 'the first that is right';
  const rows = ciphers.map((row) => [
    `  ${row.name}`,
    ...details(row, packetBytes),
    WHAT[row.name],
  ]);
  return [
    chosen === undefined
      ? 'No cipher is usable: packets would not be carried.'
      : `Packets go through ${chosen} (${why}).`,
    ...renderTable([['cipher', 'seals in', 'opens in', 'speed', 'what'], ...rows]),
    ...ciphers.flatMap((row) =>
      'reason' in row ? [`${row.name} is not used: ${printable(row.reason)}`] : [],
    ),
    `Packets of ${packetBytes} bytes on one core; Node ${printable(node)}, OpenSSL ${printable(openssl)}.`,
  ];
}

function details(row: CipherRow, packetBytes: number): string[] {
  if ('reason' in row) return ['-', '-', '-'];
  const { sealNs, openNs } = row;
  return [`${sealNs} ns`, `${openNs} ns`, gigabits(packetBytes, (sealNs + openNs) / 2)];
}

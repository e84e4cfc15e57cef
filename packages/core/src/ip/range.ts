/** Inclusive address ranges (`a-b`) as the fewest prefixes that cover them exactly. */
import { addressBytes, addressFromBytes, familyOf, type IpAddress } from './address.js';
import { type Prefix, prefixOf } from './prefix.js';

/** An address as one number. */
export function addressNumber(address: IpAddress): bigint {
  let number = 0n;
  for (const byte of addressBytes(address)) number = (number << 8n) | BigInt(byte);
  return number;
}

/** The address of a number, 4 or 16 `bytes` long. */
export function numberAddress(number: bigint, bytes: number): IpAddress {
  const raw = new Uint8Array(bytes);
  for (let i = bytes - 1, rest = number; i >= 0; i--, rest >>= 8n) raw[i] = Number(rest & 255n);
  return addressFromBytes(raw);
}

/**
 * The prefixes that hold exactly the addresses from `first` to `last`, ascending: at most two per bit of an
 * address. Undefined when the two are of different families or in the wrong order.
 */
export function rangePrefixes(first: IpAddress, last: IpAddress): readonly Prefix[] | undefined {
  if (familyOf(first) !== familyOf(last)) return undefined;
  const widest = familyOf(first) === 4 ? 32 : 128;
  const end = addressNumber(last);
  let next = addressNumber(first);
  if (next > end) return undefined;
  const prefixes: Prefix[] = [];
  while (next <= end) {
    // The largest block that begins here and doesn't pass the end.
    let free = 0;
    while (
      free < widest &&
      (next >> BigInt(free)) % 2n === 0n &&
      next + (1n << BigInt(free + 1)) - 1n <= end
    ) {
      free++;
    }
    prefixes.push(prefixOf(numberAddress(next, widest / 8), widest - free));
    next += 1n << BigInt(free);
  }
  return prefixes;
}

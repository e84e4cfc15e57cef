/**
 * Ports of a range in random order, none twice: a shuffle that goes only as far as it is asked, and remembers only
 * what it has moved.
 */
import { randomFraction } from '../base/random.js';
import { type Endpoint, endpoint, endpointAddress, endpointPort } from '../ip/address.js';
import type { Random } from '../ports.js';
import type { Ports } from './ports.js';

/** At most `guessesMax` endpoints of the range, of which all are equally likely to be the next. */
export function* guesses(
  { first, count }: Pick<Ports, 'first' | 'count'>,
  guessesMax: number,
  random: Random,
): Generator<Endpoint, undefined> {
  const [address, low] = [endpointAddress(first), endpointPort(first)];
  /** Where something else than its own number stands now; two entries a guess at most. */
  const moved = new Map<number, number>();
  const at = (index: number): number => moved.get(index) ?? index;
  for (let index = 0; index < Math.min(count, guessesMax); index++) {
    const other = index + Math.floor(randomFraction(random) * (count - index));
    const chosen = at(other);
    moved.set(other, at(index));
    moved.delete(index);
    yield endpoint(address, low + chosen);
  }
  return undefined;
}

/**
 * The differential test as a program, for other versions of Node than the one that runs the tests:
 *
 *     node differential-main.js PACKETS SEED CIPHER...
 *
 * One JSON object a cipher on stdout: name, fault or null. Ends with 0 always.
 */
import { CIPHER_NAMES, tryCipher } from './choose-cipher.js';
import { differentialFault } from './cipher-check.js';

const [packets, seed, ...names] = process.argv.slice(2);
for (const name of CIPHER_NAMES.filter((known) => names.includes(known))) {
  const make = await tryCipher(name);
  const fault =
    typeof make === 'function'
      ? differentialFault(make, Number(packets), Number(seed))
      : make.reason;
  process.stdout.write(`${JSON.stringify({ name, fault: fault ?? null })}\n`);
}

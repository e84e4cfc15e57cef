import { LabError } from '../errors.js';

/** Throws LAB_TOPOLOGY. */
export function refuse(what: string): never {
  throw new LabError(
    'LAB_TOPOLOGY',
    `this topology can't be built: ${what}`,
    'correct the topology',
  );
}

/** Every operation, in the order of the document. */
import type { Operation } from '../operation.js';
import { keyOperations } from './key-operations.js';
import { nodeOperations } from './node-operations.js';
import { policyOperations } from './policy-operations.js';
import { systemOperations } from './system-operations.js';
import { userOperations } from './user-operations.js';

export const allOperations: readonly Operation[] = [
  ...nodeOperations,
  ...keyOperations,
  ...userOperations,
  ...policyOperations,
  ...systemOperations,
];

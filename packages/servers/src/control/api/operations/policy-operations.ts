/** The policy: looked at, tried, and set where no file has it. */
import { operation } from '../operation.js';
import { policyCheckSchema, policySchema, policyTextSchema } from '../schemas/policies.js';

const tag = 'policy';
const READ = { area: 'policy', kind: 'read' } as const;
const WRITE = { area: 'policy', kind: 'write' } as const;
/** A policy has a line for each thing that somebody may do. */
const bodyMax = 4 * 1024 * 1024;
const example = '{"text": "{ \\"acls\\": [] }"}';

export const policyOperations = [
  operation({
    ...{ method: 'get', path: '/policy', id: 'getPolicy', tag, access: READ },
    summary: 'The policy that holds',
    answer: policySchema,
    run: ({ admin }) => admin.policy(),
  }),
  operation({
    ...{ method: 'put', path: '/policy', id: 'setPolicy', tag, access: WRITE, bodyMax, example },
    summary: 'Puts a policy in place of the one that holds, when its tests pass',
    body: policyTextSchema,
    answer: policySchema,
    run: ({ admin, body }) => admin.setPolicy(body.text),
  }),
  operation({
    ...{ method: 'delete', path: '/policy', id: 'clearPolicy', tag, access: WRITE },
    summary: 'Forgets the policy: everybody may talk to everybody',
    answer: policySchema,
    run: ({ admin }) => admin.clearPolicy(),
  }),
  operation({
    ...{ method: 'post', path: '/policy/check', id: 'checkPolicy', tag, access: READ },
    ...{ bodyMax, example, isLook: true },
    summary: 'What a text would be as a policy, with the machines that are here',
    body: policyTextSchema,
    answer: policyCheckSchema,
    run: ({ admin, body }) => admin.checkPolicy(body.text),
  }),
];

/** Users. */
import { operation } from '../operation.js';
import { numberParam } from '../schemas/common.js';
import { userRequestSchema, userSchema, usersSchema } from '../schemas/users.js';

const tag = 'users';
const READ = { area: 'users', kind: 'read' } as const;
const WRITE = { area: 'users', kind: 'write' } as const;
const example = '{"name": "ann", "displayName": "Ann Lee"}';

export const userOperations = [
  operation({
    ...{ method: 'get', path: '/users', id: 'listUsers', tag, access: READ },
    summary: 'All users by ascending id',
    answer: usersSchema,
    run: ({ admin }) => ({ users: admin.listUsers() }),
  }),
  operation({
    ...{ method: 'post', path: '/users', id: 'createUser', tag, access: WRITE, example },
    summary: 'Makes a user',
    body: userRequestSchema,
    answer: userSchema,
    run: ({ admin, body }) => admin.createUser(body),
  }),
  operation({
    ...{ method: 'post', path: '/users/{id}/rename', id: 'renameUser', tag, access: WRITE },
    summary: 'Gives a user another name; machines and keys stay',
    example,
    params: numberParam,
    body: userRequestSchema,
    answer: userSchema,
    run: ({ admin, params, body }) => admin.renameUser(params.id, body),
  }),
  operation({
    ...{ method: 'delete', path: '/users/{id}', id: 'deleteUser', tag, access: WRITE },
    summary: 'Forgets a user without machines, and its keys',
    params: numberParam,
    answer: userSchema,
    run: ({ admin, params }) => admin.deleteUser(params.id),
  }),
];

/** Auth keys and approval codes. */
import { operation } from '../operation.js';
import { nameParam } from '../schemas/common.js';
import {
  authKeyRequestSchema,
  authKeySchema,
  authKeysSchema,
  createdAuthKeySchema,
  createdCodeSchema,
} from '../schemas/keys.js';

const tag = 'keys';
const READ = { area: 'keys', kind: 'read' } as const;
const WRITE = { area: 'keys', kind: 'write' } as const;
const example = '{"reusable": true, "tags": ["tag:server"]}';

export const keyOperations = [
  operation({
    ...{ method: 'get', path: '/keys', id: 'listKeys', tag, access: READ },
    summary: 'All auth keys and approval codes, without their secrets, the newest last',
    answer: authKeysSchema,
    run: ({ admin }) => ({ keys: admin.listAuthKeys() }),
  }),
  operation({
    ...{ method: 'post', path: '/keys', id: 'createKey', tag, access: WRITE, example },
    summary: 'Makes an auth key; it is shown once and never stored',
    body: authKeyRequestSchema,
    answer: createdAuthKeySchema,
    run: ({ admin, body }) => admin.createAuthKey(body),
  }),
  operation({
    ...{ method: 'post', path: '/keys/{id}/expire', id: 'expireKey', tag, access: WRITE },
    summary: 'Ends a key or code now; machines that joined with it stay',
    params: nameParam,
    answer: authKeySchema,
    run: ({ admin, params }) => admin.expireAuthKey(params.id),
  }),
  operation({
    ...{ method: 'post', path: '/codes', id: 'createCode', tag, access: WRITE, example },
    summary: 'Makes an approval code, with which a person lets a machine in on its page',
    body: authKeyRequestSchema,
    answer: createdCodeSchema,
    run: ({ admin, body }) => admin.logins.createCode(body),
  }),
];

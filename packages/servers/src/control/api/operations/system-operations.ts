/** Tokens, the audit log, copies of the database, and the server itself. */
import { operation } from '../operation.js';
import { nameParam } from '../schemas/common.js';
import {
  apiTokenRequestSchema,
  apiTokenSchema,
  apiTokensSchema,
  auditQuerySchema,
  auditsSchema,
  backupRequestSchema,
  backupSchema,
  createdApiTokenSchema,
  headscaleImportRequestSchema,
  headscaleImportSchema,
  healthSchema,
  infoSchema,
} from '../schemas/system.js';

const tag = 'system';
const READ = { area: 'system', kind: 'read' } as const;
const WRITE = { area: 'system', kind: 'write' } as const;
const SECRET = { area: 'system', kind: 'secret' } as const;

export const systemOperations = [
  operation({
    ...{ method: 'get', path: '/health', id: 'getHealth', tag, access: 'public' },
    summary: 'Whether the server runs and its database answers',
    answer: healthSchema,
    run: ({ admin }) => admin.health(),
  }),
  operation({
    ...{ method: 'get', path: '/info', id: 'getInfo', tag, access: READ },
    summary: 'What runs here',
    answer: infoSchema,
    run: ({ info }) => info(),
  }),
  operation({
    ...{ method: 'get', path: '/tokens', id: 'listTokens', tag, access: SECRET },
    summary: 'All tokens, without their secrets, the oldest first',
    answer: apiTokensSchema,
    run: ({ admin }) => ({ tokens: admin.tokens.list() }),
  }),
  operation({
    ...{ method: 'post', path: '/tokens', id: 'createToken', tag, access: WRITE },
    summary: 'Makes a token; it is shown once and never stored',
    example: '{"scopes": ["read"], "description": "dashboard"}',
    body: apiTokenRequestSchema,
    answer: createdApiTokenSchema,
    run: ({ admin, body }) => admin.tokens.create(body),
  }),
  operation({
    ...{ method: 'post', path: '/tokens/{id}/revoke', id: 'revokeToken', tag, access: WRITE },
    summary: 'Ends a token now',
    params: nameParam,
    answer: apiTokenSchema,
    run: ({ admin, params }) => admin.tokens.revoke(params.id),
  }),
  operation({
    ...{ method: 'get', path: '/audit', id: 'listAudit', tag, access: SECRET },
    summary: 'Who changed what, the newest first',
    query: auditQuerySchema,
    answer: auditsSchema,
    run: ({ admin, query }) => ({ entries: admin.audit.list(query.limit, query.before) }),
  }),
  operation({
    ...{ method: 'get', path: '/backup', id: 'downloadBackup', tag, access: SECRET },
    summary: 'A copy of the whole database, as an SQLite file',
    run: ({ admin }) => admin.copy(),
  }),
  operation({
    ...{ method: 'post', path: '/backup', id: 'writeBackup', tag, access: 'local' },
    summary: "Copies the database into a new file on the server's machine",
    example: '{"file": "/root/control-backup.db"}',
    body: backupRequestSchema,
    answer: backupSchema,
    run: ({ admin, body }) => admin.backup(body.file),
  }),
  operation({
    ...{ method: 'post', path: '/import/headscale', id: 'importHeadscale', tag, access: 'local' },
    summary: "Takes over users and nodes from headscale's database",
    example: '{"file": "/var/lib/headscale/db.sqlite", "dryRun": true}',
    body: headscaleImportRequestSchema,
    answer: headscaleImportSchema,
    run: ({ admin, body }) => admin.importHeadscale(body.file, body.dryRun ?? false),
  }),
];

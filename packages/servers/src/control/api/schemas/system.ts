/** Tokens, the audit log and the server itself, in JSON. */
import { z } from '@hono/zod-openapi';
import { SCOPES } from '../scopes.js';
import { lifeSchema, listSchema, textSchema, timeSchema } from './common.js';

export const apiTokenRequestSchema = z
  .strictObject({
    scopes: z.array(z.enum(SCOPES)).max(SCOPES.length).readonly(),
    description: z.string().max(200).optional().openapi({ example: 'terraform' }),
    expiresInMs: lifeSchema.openapi({
      description: 'Milliseconds; null: never expires; default: 90 days',
    }),
  })
  .readonly()
  .openapi('TokenRequest');

const tokenShape = {
  id: z.string(),
  description: z.string(),
  scopes: listSchema,
  createdAt: timeSchema,
  expiresAt: timeSchema.nullable(),
  usedAt: timeSchema.nullable().openapi({ description: 'The last time, to the minute' }),
  revokedAt: timeSchema.nullable(),
  usable: z.boolean(),
};
export const apiTokenSchema = z.object(tokenShape).readonly().openapi('Token');
export const createdApiTokenSchema = z
  .object({ ...tokenShape, token: z.string().openapi({ description: 'Shown this once' }) })
  .readonly()
  .openapi('CreatedToken');
export const apiTokensSchema = z.object({ tokens: z.array(apiTokenSchema).readonly() });

export const auditSchema = z
  .object({
    number: z.int().openapi({ description: 'Counts up' }),
    at: timeSchema,
    actor: z.string().openapi({
      description: 'local (the admin socket), token:ID, or code:ID (the approval page)',
    }),
    action: z.string().openapi({ description: "An operation's id", example: 'renameNode' }),
    target: z.string().openapi({ description: 'What it was done to: an id, or nothing' }),
    detail: z.string().openapi({ description: 'What was asked for: JSON, perhaps cut' }),
    outcome: z.string().openapi({ description: 'ok, or the code of the error' }),
  })
  .readonly()
  .openapi('AuditEntry');
export const auditsSchema = z.object({ entries: z.array(auditSchema).readonly() });
const countSchema = z
  .string()
  .regex(/^[1-9]\d{0,8}$/)
  .transform(Number);
export const auditQuerySchema = z.object({
  limit: countSchema.optional().openapi({ type: 'integer', maximum: 1000, default: 100 }),
  before: countSchema.optional().openapi({
    type: 'integer',
    description: 'Entries with a lower number than this, the next page of a list',
  }),
});

export const backupRequestSchema = z
  .strictObject({
    file: textSchema.openapi({ description: "A new file on the server's machine, absolute" }),
  })
  .openapi('BackupRequest');
export const backupSchema = z.object({ file: z.string() }).readonly();

export const infoSchema = z
  .object({
    url: z.string().openapi({ description: 'What clients log in to' }),
    pins: z.string().nullable().openapi({
      description:
        'What stands behind the # of its address; null: an authority signed its certificate',
    }),
    nodes: z.int(),
    connections: z.int(),
    mapStreams: z.int(),
    pendingLogins: z.int(),
    counters: z.record(z.string(), z.number()).readonly(),
  })
  .readonly()
  .openapi('Info');
export const healthSchema = z.object({ status: z.literal('ok') });

export const headscaleImportRequestSchema = z
  .strictObject({
    file: textSchema.openapi({
      description: "headscale's SQLite database on the server's machine, absolute",
    }),
    dryRun: z.boolean().optional().openapi({ description: 'Say what would become of it' }),
  })
  .openapi('HeadscaleImportRequest');
export const headscaleImportSchema = z
  .object({
    dryRun: z.boolean(),
    users: z.array(z.string()).readonly(),
    nodes: z
      .array(
        z
          .object({
            name: z.string(),
            owner: z.string().openapi({ description: 'A user, or tags' }),
            addresses: listSchema,
          })
          .readonly(),
      )
      .readonly(),
    warnings: z.array(z.string()).readonly().openapi({
      description: 'What is other than it was, or was left out',
    }),
  })
  .readonly()
  .openapi('HeadscaleImport');

export const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'urn:warren:error:NODE_UNKNOWN' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ description: 'Stable, as docs/errors.md lists them' }),
    hint: z.string().openapi({ description: 'What to do about it' }),
  })
  .readonly()
  .openapi('Problem');

/** Auth keys and approval codes in JSON. */
import { z } from '@hono/zod-openapi';
import { lifeSchema, listSchema, textSchema, timeSchema } from './common.js';

export const authKeyRequestSchema = z
  .strictObject({
    user: textSchema.optional().openapi({
      description: 'Owner of its nodes: a name, or name@domain; made when new; default: owner',
    }),
    tags: listSchema.optional().openapi({ example: ['tag:server'] }),
    reusable: z.boolean().optional(),
    ephemeral: z.boolean().optional().openapi({
      description: 'Its nodes are deleted half an hour after they went away',
    }),
    expiresInMs: lifeSchema.openapi({
      description: 'How long it lets nodes in, in milliseconds; null: for ever; default: one hour',
    }),
  })
  .readonly()
  .openapi('AuthKeyRequest');

const authKeyShape = {
  id: z.string(),
  purpose: z.enum(['join', 'approve']).openapi({
    description: 'join: a machine shows it; approve: a person types it on the approval page',
  }),
  user: z.string(),
  tags: listSchema,
  reusable: z.boolean(),
  ephemeral: z.boolean(),
  createdAt: timeSchema,
  expiresAt: timeSchema.nullable(),
  usedAt: timeSchema.nullable(),
  usable: z.boolean().openapi({ description: 'False: used up, expired or ended' }),
};

export const authKeySchema = z.object(authKeyShape).readonly().openapi('AuthKey');
export const createdAuthKeySchema = z
  .object({ ...authKeyShape, key: z.string().openapi({ description: 'Shown this once' }) })
  .readonly()
  .openapi('CreatedAuthKey');
export const createdCodeSchema = z
  .object({ ...authKeyShape, code: z.string().openapi({ description: 'Shown this once' }) })
  .readonly()
  .openapi('CreatedCode');
export const authKeysSchema = z.object({ keys: z.array(authKeySchema).readonly() });

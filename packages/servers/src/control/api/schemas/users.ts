/** Users in JSON. */
import { z } from '@hono/zod-openapi';
import { textSchema } from './common.js';

export const userRequestSchema = z
  .strictObject({
    name: textSchema.openapi({ description: 'A name, or name@domain', example: 'ann' }),
    displayName: z.string().max(4096).optional(),
  })
  .readonly()
  .openapi('UserRequest');

export const userSchema = z
  .object({
    id: z.int(),
    name: z.string().openapi({ example: 'ann@warren.internal' }),
    displayName: z.string(),
    nodes: z.int(),
    usableKeys: z.int().openapi({ description: 'Those that still let machines in' }),
  })
  .readonly()
  .openapi('User');
export const usersSchema = z.object({ users: z.array(userSchema).readonly() });

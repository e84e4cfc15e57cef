/** What the schemas of the admin API share. */
import { z } from '@hono/zod-openapi';

/** Longer than any name or path that makes sense. */
const TEXT_MAX = 4096;

/** RFC 3339, UTC. */
export const timeSchema = z.string().openapi({ format: 'date-time' });
export const textSchema = z.string().min(1).max(TEXT_MAX);
export const listSchema = z.array(z.string().max(TEXT_MAX)).max(1000).readonly();

/** How long something lives; null: for ever. What makes no sense is refused with the reason, not here. */
export const lifeSchema = z.number().nullable().optional().openapi({
  description: 'Milliseconds; null: for ever',
});

/** The number of a node or user in a path. */
export const numberParam = z.object({
  id: z
    .string()
    .regex(/^[1-9]\d{0,15}$/)
    .transform(Number)
    .openapi({ type: 'integer' }),
});
/** The name of a key, login or token in a path. */
export const nameParam = z.object({ id: z.string().min(1).max(128) });

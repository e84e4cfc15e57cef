/** Nodes, machines that wait to become some, and paths between them, in JSON. */
import { z } from '@hono/zod-openapi';
import { lifeSchema, listSchema, textSchema, timeSchema } from './common.js';

const routesInfoSchema = z
  .object({
    announced: listSchema.openapi({ description: 'By the node' }),
    approved: listSchema.openapi({ description: 'By an operator' }),
    served: listSchema.openapi({
      description: 'Announced, and approved by an operator or the policy',
    }),
    carried: listSchema.openapi({
      description:
        'Those served that it carries; others serve the rest too, and carry it. Without exit routes',
    }),
  })
  .readonly()
  .openapi('Routes');

export const nodeSchema = z
  .object({
    id: z.int(),
    kind: z.enum(['machine', 'wireguard']).openapi({
      description: 'wireguard: plain WireGuard, which is never online here',
    }),
    stableId: z.string(),
    name: z.string(),
    nameGiven: z.boolean().openapi({
      description: 'An operator chose the name; otherwise it follows the host name',
    }),
    hostName: z.string(),
    user: z.string(),
    tags: listSchema,
    addresses: listSchema,
    nodeKey: z.string(),
    machineKey: z.string(),
    endpoints: listSchema,
    homeRegion: z.int().nullable(),
    routes: routesInfoSchema,
    ephemeral: z.boolean(),
    online: z.boolean(),
    expired: z.boolean(),
    createdAt: timeSchema,
    lastSeen: timeSchema.nullable(),
    keyExpiry: timeSchema.nullable(),
  })
  .readonly()
  .openapi('Node');
export const nodesSchema = z.object({ nodes: z.array(nodeSchema).readonly() });

export const renameRequestSchema = z
  .strictObject({
    name: textSchema.nullable().openapi({ description: 'null: by its host name again' }),
  })
  .openapi('RenameRequest');
export const expireRequestSchema = z
  .strictObject({
    expiresInMs: lifeSchema.openapi({ description: 'Milliseconds; null: never; absent: now' }),
  })
  .openapi('ExpireRequest');
export const tagRequestSchema = z
  .strictObject({
    tags: listSchema.openapi({ description: 'Empty: it belongs to `user`' }),
    user: textSchema.optional(),
  })
  .readonly()
  .openapi('TagRequest');
export const routesRequestSchema = z
  .strictObject({
    routes: listSchema.openapi({
      description: 'In place of those before',
      example: ['10.0.0.0/8'],
    }),
  })
  .readonly()
  .openapi('RoutesRequest');

export const wireguardRequestSchema = z
  .strictObject({
    name: textSchema.openapi({ example: 'phone' }),
    publicKey: textSchema.openapi({ description: 'As `wg pubkey` prints it' }),
    endpoint: textSchema.optional().openapi({
      description: 'Where it is reached, address:port; absent: it comes to the others',
    }),
    user: textSchema.optional().openapi({
      description: 'Its owner; absent: without tags, the owner of all',
    }),
    tags: listSchema.optional(),
  })
  .readonly()
  .openapi('WireGuardRequest');
export const wireguardSchema = z
  .object({
    node: nodeSchema,
    config: z.string().openapi({ description: 'For wg-quick, without the private key' }),
  })
  .readonly()
  .openapi('WireGuard');

export const loginSchema = z
  .object({
    id: z.string(),
    url: z.string().openapi({ description: 'The page that its owner was sent to' }),
    hostName: z.string(),
    os: z.string(),
    fingerprint: z.string().openapi({
      description: 'Of its node key; the machine shows it too',
    }),
    source: z.string().openapi({ description: 'An address, or the /64 of one' }),
    tags: listSchema.openapi({ description: 'That it asks for' }),
    createdAt: timeSchema,
    expiresAt: timeSchema,
  })
  .readonly()
  .openapi('Login');
export const loginsSchema = z.object({ logins: z.array(loginSchema).readonly() });
export const approveRequestSchema = z
  .strictObject({ user: textSchema.optional().openapi({ description: 'Default: owner' }) })
  .openapi('ApproveRequest');

export const sshCheckSchema = z
  .object({
    id: z.string(),
    source: z.string(),
    user: z.string().openapi({ description: 'Who owns the source' }),
    target: z.string(),
    localUser: z.string().openapi({ description: 'On the target' }),
    createdAt: timeSchema,
    expiresAt: timeSchema,
  })
  .readonly()
  .openapi('SshCheck');
export const sshChecksSchema = z.object({ sshChecks: z.array(sshCheckSchema).readonly() });

const pathKindSchema = z.enum(['direct', 'relay', 'none']);
const pathSchema = z
  .object({
    from: z.string(),
    to: z.string(),
    path: z.enum(['direct', 'relay', 'none', 'unknown']).openapi({
      description: "unknown: neither end reports, as stock clients don't",
    }),
    endpoint: z.string().nullable(),
    region: z.int().nullable(),
    latencyMs: z.number().nullable(),
    loss: z.number().nullable().openapi({ description: 'Share of lost pings' }),
    rxBytes: z.number(),
    txBytes: z.number(),
    at: timeSchema.nullable().openapi({ description: 'When it was reported' }),
  })
  .readonly()
  .openapi('Path');
const pathChangeSchema = z
  .object({
    at: timeSchema,
    from: z.string(),
    to: z.string(),
    path: pathKindSchema,
    endpoint: z.string().nullable(),
    region: z.int().nullable(),
    latencyMs: z.number().nullable(),
  })
  .readonly()
  .openapi('PathChange');
export const pathsSchema = z
  .object({
    present: z
      .array(pathSchema)
      .readonly()
      .openapi({ description: 'Peers in use, and pairs of which nobody tells' }),
    history: z.array(pathChangeSchema).readonly().openapi({ description: 'Oldest first' }),
  })
  .readonly()
  .openapi('Paths');

/** For the types of admin-types.ts. */
export type PathSchema = typeof pathSchema;
export type PathChangeSchema = typeof pathChangeSchema;
export type RoutesInfoSchema = typeof routesInfoSchema;

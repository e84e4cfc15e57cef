/** What operators ask of a control server and what it answers: the JSON of its admin API, as its schemas say. */
import type { z } from '@hono/zod-openapi';
import type {
  authKeyRequestSchema,
  authKeySchema,
  createdAuthKeySchema,
  createdCodeSchema,
} from './api/schemas/keys.js';
import type {
  loginSchema,
  nodeSchema,
  PathChangeSchema,
  PathSchema,
  pathsSchema,
  RoutesInfoSchema,
  routesRequestSchema,
  sshCheckSchema,
  tagRequestSchema,
  wireguardRequestSchema,
  wireguardSchema,
} from './api/schemas/nodes.js';
import type {
  policyCheckSchema,
  policyProblemSchema,
  policySchema,
} from './api/schemas/policies.js';
import type {
  apiTokenRequestSchema,
  apiTokenSchema,
  auditSchema,
  createdApiTokenSchema,
  headscaleImportSchema,
  infoSchema,
  problemSchema,
} from './api/schemas/system.js';
import type { userRequestSchema, userSchema } from './api/schemas/users.js';

/** A key to make; everything has a default. */
export type AuthKeyRequest = z.output<typeof authKeyRequestSchema>;
/** A key as lists show it: without its secret. */
export type AuthKeyInfo = z.output<typeof authKeySchema>;
/** A fresh key with its text, for the one time it is shown. */
export type CreatedAuthKeyInfo = z.output<typeof createdAuthKeySchema>;
/** A fresh approval code with its text, for the one time it is shown. */
export type CreatedCodeInfo = z.output<typeof createdCodeSchema>;

/** A machine that waits for a person. */
export type LoginInfo = z.output<typeof loginSchema>;
/** An SSH session that waits for a yes. */
export type SshCheckInfo = z.output<typeof sshCheckSchema>;
export type NodeInfo = z.output<typeof nodeSchema>;
/** Prefixes beyond its own addresses that a node leads to. */
export type RoutesInfo = z.output<RoutesInfoSchema>;
/** What a node is to be: tagged, or somebody's. */
export type TagRequest = z.output<typeof tagRequestSchema>;
/** The routes that a node may serve, in place of those before. */
export type RoutesRequest = z.output<typeof routesRequestSchema>;
/** A plain WireGuard machine to add. */
export type WireGuardRequest = z.output<typeof wireguardRequestSchema>;
/** A plain WireGuard machine, and what it needs to join. */
export type WireGuardInfo = z.output<typeof wireguardSchema>;
/** A node's path to a peer, as that node reported it. */
export type PathInfo = z.output<PathSchema>;
export type PathChangeInfo = z.output<PathChangeSchema>;
export type PathsInfo = z.output<typeof pathsSchema>;

export type UserInfo = z.output<typeof userSchema>;
/** A user to make, or what a user is to be called. */
export type UserRequest = z.output<typeof userRequestSchema>;

export type PolicyProblemInfo = z.output<typeof policyProblemSchema>;
/** How much of what a policy has. */
export type PolicyCounts = Pick<PolicyInfo, 'rules' | 'groups' | 'tags' | 'sshRules' | 'tests'>;
/** What a text would be as a policy. */
export type PolicyCheckInfo = z.output<typeof policyCheckSchema>;
/** The policy that holds. */
export type PolicyInfo = z.output<typeof policySchema>;

/** A token to make. */
export type ApiTokenRequest = z.output<typeof apiTokenRequestSchema>;
/** A token as lists show it: without its secret. */
export type ApiTokenInfo = z.output<typeof apiTokenSchema>;
/** A fresh token with its text, for the one time it is shown. */
export type CreatedApiTokenInfo = z.output<typeof createdApiTokenSchema>;
/** Who did what, and what came of it. */
export type AuditInfo = z.output<typeof auditSchema>;
/** What runs here. */
export type InfoReport = z.output<typeof infoSchema>;
/** What an import of headscale's database did, or would do. */
export type HeadscaleImportInfo = z.output<typeof headscaleImportSchema>;
/** An error, RFC 7807. */
export type ProblemInfo = z.output<typeof problemSchema>;

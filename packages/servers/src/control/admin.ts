/**
 * What an operator can do: make, list and end auth keys; list, name, tag, expire and delete nodes; let in
 * machines that wait (admin-logins.ts); make, list, name and delete users; copy the database. The same functions serve the admin socket and whoever embeds the
 * server. What changes something rejects with {@link ControlError} or FileError, and then changed nothing.
 */
import { formatAuthKey, type HubPins } from '@warren/core/control/auth-key';
import { createAuthKey, revokeAuthKey } from '@warren/core/control/server/auth-keys';
import {
  approveRoutes,
  expireNode,
  renameNode,
  tagNode,
} from '@warren/core/control/server/node-changes';
import type { NodeRoutes } from '@warren/core/control/server/route-book';
import {
  type ControlState,
  type NodeId,
  type NodeRecord,
  type UserId,
  withoutNode,
} from '@warren/core/control/server/state';
import { createUser, deleteUser, ensureUser, renameUser } from '@warren/core/control/server/users';
import type { WireNode } from '@warren/core/netmap/wire';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { ControlError, type ControlErrorCode } from '../errors.js';
import { authKeyInfo, nodeInfo, userInfo } from './admin-infos.js';
import {
  checkKeyOrder,
  checkNodeLife,
  checkRoutes,
  checkTags,
  checkUserNames,
  invalid,
  TAILNET,
} from './admin-input.js';
import { keysFull, LoginAdmin } from './admin-logins.js';
import { pathsInfo } from './admin-paths.js';
import { SshCheckAdmin } from './admin-ssh-checks.js';
import type {
  AuthKeyInfo,
  AuthKeyRequest,
  CreatedAuthKeyInfo,
  HeadscaleImportInfo,
  NodeInfo,
  PathsInfo,
  PolicyCheckInfo,
  PolicyInfo,
  RoutesRequest,
  TagRequest,
  UserInfo,
  UserRequest,
} from './admin-types.js';
import { WireGuardAdmin } from './admin-wireguard.js';
import type { AuditLog } from './api/audit-log.js';
import { copyToSend, type DatabaseCopy } from './api/backup-copy.js';
import type { TokenBook } from './api/token-book.js';
import { readHeadscale } from './headscale/headscale-database.js';
import { importHeadscale } from './headscale/headscale-import.js';
import type { LoginDesk } from './login-desk.js';
import type { PathBook } from './path-book.js';
import type { PolicyKeeper } from './policy/policy-keeper.js';
import type { SshDesk } from './ssh-desk.js';
import type { StateStore } from './state-store.js';

export interface AdminOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly store: StateStore;
  readonly baseDomain: string;
  readonly pins: HubPins | undefined;
  readonly isOnline: (node: NodeId) => boolean;
  /** As peers were last told. */
  readonly routesOf: (node: NodeId) => NodeRoutes;
  /** What a node sees now. */
  readonly peersOf: (node: NodeId) => ReadonlyMap<NodeId, WireNode>;
  readonly paths: PathBook;
  readonly policy: PolicyKeeper;
  readonly desk: LoginDesk;
  readonly tokens: TokenBook;
  readonly audit: AuditLog;
  readonly stateDir: string;
  readonly sshDesk: SshDesk;
}

/** Refusals by the words of core's functions. */
type Refusals = Readonly<Record<string, readonly [ControlErrorCode, string, string]>>;

/** The outcome of a change, or its refusal thrown. */
function accepted<Outcome>(outcome: Outcome | string, refusals: Refusals): Outcome {
  if (typeof outcome !== 'string') return outcome;
  const [code, message, hint] = refusals[outcome] ?? ['REQUEST_INVALID', outcome, 'Ask otherwise.'];
  throw new ControlError(code, message, hint);
}

const unknownNode = (id: NodeId): Refusals[string] => [
  'NODE_UNKNOWN',
  `there is no node ${id}`,
  'List them with `warren control nodes list`.',
];
const unknownUser = (id: UserId): Refusals[string] => [
  'USER_UNKNOWN',
  `there is no user ${id}`,
  'List them with `warren control users list`.',
];
const takenUser = (name: string): Refusals[string] => [
  'USER_TAKEN',
  `there is a user ${name} already`,
  'Choose another name; `warren control users list` shows them all.',
];

export class ControlAdmin {
  /** About machines that wait for a person. */
  readonly logins: LoginAdmin;
  /** What programs may use the API with. */
  readonly tokens: TokenBook;
  /** Who changed what. */
  readonly audit: AuditLog;
  /** About plain WireGuard machines. */
  readonly wireguard: WireGuardAdmin;
  /** About SSH sessions that wait for a yes. */
  readonly sshChecks: SshCheckAdmin;
  readonly #options: AdminOptions;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.logins = new LoginAdmin(options);
    this.tokens = options.tokens;
    this.audit = options.audit;
    this.sshChecks = new SshCheckAdmin(options);
    this.wireguard = new WireGuardAdmin(options, (state, node) => this.#nodeInfo(state, node));
  }

  createAuthKey(request: AuthKeyRequest = {}): Promise<CreatedAuthKeyInfo> {
    const { crypto, random, clock, store, baseDomain, pins } = this.#options;
    return store.change((state) => {
      const wall = clock.wall();
      const order = checkKeyOrder(request, baseDomain, wall);
      const created = createAuthKey(state, order, crypto, random, wall);
      if (created === undefined) throw keysFull();
      const key = formatAuthKey(pins === undefined ? created.key : { ...created.key, pins });
      const result = { ...authKeyInfo(created.state, created.record, wall), key };
      return { state: created.state, result };
    });
  }

  /** All keys, the newest last. */
  listAuthKeys(): readonly AuthKeyInfo[] {
    const { store, clock } = this.#options;
    const wall = clock.wall();
    return [...store.state.authKeys.values()].map((key) => authKeyInfo(store.state, key, wall));
  }

  /** Ends a key now; nodes that joined with it stay. */
  expireAuthKey(id: string): Promise<AuthKeyInfo> {
    const { store, clock } = this.#options;
    return store.change((state) => {
      const wall = clock.wall();
      const next = revokeAuthKey(state, id, wall);
      const record = next?.authKeys.get(id);
      if (next === undefined || record === undefined) {
        throw new ControlError(
          'AUTH_KEY_UNKNOWN',
          `there is no auth key ${id}`,
          'List them with `warren control keys list`; the id is the part after wkey-auth-.',
        );
      }
      return { state: next, result: authKeyInfo(next, record, wall) };
    });
  }

  /** All nodes by ascending id. */
  listNodes(): readonly NodeInfo[] {
    const { state } = this.#options.store;
    return [...state.nodes.values()].map((node) => this.#nodeInfo(state, node));
  }

  /** How nodes reach each other, as far as they report it. */
  listPaths(): PathsInfo {
    const { store, paths, baseDomain, isOnline } = this.#options;
    return pathsInfo({ state: store.state, paths, baseDomain, isOnline });
  }

  /** Deletes a node: its peers forget it, it has to join again. */
  deleteNode(id: NodeId): Promise<NodeInfo> {
    return this.#options.store.change((state) => {
      const node = accepted(state.nodes.get(id) ?? 'unknown', { unknown: unknownNode(id) });
      return { state: withoutNode(state, id), result: this.#nodeInfo(state, node) };
    });
  }

  /** Calls a node by a label of the operator's choice; null: by its host name again. */
  renameNode(id: NodeId, label: string | null): Promise<NodeInfo> {
    const { store, baseDomain } = this.#options;
    return store.change((state) => {
      const renamed = accepted(renameNode(state, id, label ?? undefined, baseDomain), {
        unknown: unknownNode(id),
        invalid: [
          'REQUEST_INVALID',
          `${JSON.stringify(label)} can't be a machine's name`,
          'Use lower-case letters, digits and hyphens, at most 63: printer-2.',
        ],
        taken: [
          'NODE_NAME_TAKEN',
          `another machine is called ${label ?? ''}`,
          'Rename that one first, or choose another name.',
        ],
      });
      return { state: renamed.state, result: this.#nodeInfo(renamed.state, renamed.node) };
    });
  }

  /** Ends a node's key now or after a time; null: it never ends. */
  expireNode(id: NodeId, expiresInMs?: number | null): Promise<NodeInfo> {
    const { store, clock } = this.#options;
    return store.change((state) => {
      const at = checkNodeLife(expiresInMs, clock.wall());
      const expired = accepted(expireNode(state, id, at), { unknown: unknownNode(id) });
      return { state: expired.state, result: this.#nodeInfo(expired.state, expired.node) };
    });
  }

  /** Gives a node tags, or, without any, to a user. */
  tagNode(id: NodeId, request: TagRequest): Promise<NodeInfo> {
    const { store, baseDomain, clock } = this.#options;
    return store.change((state) => {
      const tags = checkTags(request.tags);
      const names =
        request.user === undefined
          ? undefined
          : checkUserNames(request.user, baseDomain, undefined);
      const owned =
        names === undefined || tags.length > 0
          ? { state, user: undefined }
          : ensureUser(state, TAILNET, names.loginName, names.displayName);
      const tagged = accepted(tagNode(owned.state, id, tags, owned.user?.id, clock.wall()), {
        unknown: unknownNode(id),
        'no-owner': [
          'REQUEST_INVALID',
          'a machine without tags belongs to somebody',
          'Name its owner with --user, or give it a tag such as tag:server.',
        ],
      });
      return { state: tagged.state, result: this.#nodeInfo(tagged.state, tagged.node) };
    });
  }

  /** Lets a node serve these routes and no others. */
  approveRoutes(id: NodeId, { routes }: RoutesRequest): Promise<NodeInfo> {
    return this.#options.store.change((state) => {
      const approved = accepted(approveRoutes(state, id, checkRoutes(routes)), {
        unknown: unknownNode(id),
      });
      return { state: approved.state, result: this.#nodeInfo(approved.state, approved.node) };
    });
  }

  /** Lets in a machine that waits for a person, as a machine of `user`. */
  async approveLogin(id: string, user: string | undefined): Promise<NodeInfo> {
    const node = await this.logins.approve(id, user);
    return this.#nodeInfo(this.#options.store.state, node);
  }

  /** All users by ascending id. */
  listUsers(): readonly UserInfo[] {
    const { store, clock } = this.#options;
    const wall = clock.wall();
    return [...store.state.users.values()].map((user) => userInfo(store.state, user, wall));
  }

  createUser(request: UserRequest): Promise<UserInfo> {
    const { store, clock, baseDomain } = this.#options;
    return store.change((state) => {
      const { loginName, displayName } = checkUserNames(
        request.name,
        baseDomain,
        request.displayName,
      );
      const made = accepted(createUser(state, TAILNET, loginName, displayName), {
        taken: takenUser(loginName),
        full: [
          'USERS_FULL',
          'this server keeps as many users as it can',
          'Delete some that own no machines.',
        ],
      });
      return { state: made.state, result: userInfo(made.state, made.user, clock.wall()) };
    });
  }

  /** The display name follows the login name, unless it was a name of its own. */
  renameUser(id: UserId, request: UserRequest): Promise<UserInfo> {
    const { store, clock, baseDomain } = this.#options;
    return store.change((state) => {
      const user = state.users.get(id);
      const isOwn = user !== undefined && user.displayName !== user.loginName.split('@', 1)[0];
      const { loginName, displayName } = checkUserNames(
        request.name,
        baseDomain,
        request.displayName ?? (isOwn ? user.displayName : undefined),
      );
      const renamed = accepted(renameUser(state, id, loginName, displayName), {
        unknown: unknownUser(id),
        taken: takenUser(loginName),
      });
      return { state: renamed.state, result: userInfo(renamed.state, renamed.user, clock.wall()) };
    });
  }

  /** Forgets a user without machines, and its keys. */
  deleteUser(id: UserId): Promise<UserInfo> {
    const { store, clock } = this.#options;
    return store.change((state) => {
      const gone = accepted(deleteUser(state, id), {
        unknown: unknownUser(id),
        'owns-nodes': [
          'USER_OWNS_NODES',
          `${state.users.get(id)?.loginName ?? id} owns machines`,
          'Delete them first, or let them join again with a key of another user.',
        ],
      });
      return { state: gone.state, result: userInfo(state, gone.user, clock.wall()) };
    });
  }

  /** The policy that holds, and what is wrong with its file. */
  policy(): PolicyInfo {
    return this.#options.policy.info();
  }

  /** What a text would be as a policy, with the machines that are here. */
  checkPolicy(text: string): PolicyCheckInfo {
    return this.#options.policy.check(text);
  }

  /** Puts a policy in place of the one that holds, once it is kept. Throws what is wrong with it, or POLICY_IN_FILE. */
  setPolicy(text: string): PolicyInfo {
    this.#options.policy.set(text);
    return this.policy();
  }

  /** Everybody may talk to everybody from now on. Throws POLICY_IN_FILE. */
  clearPolicy(): PolicyInfo {
    this.#options.policy.clear();
    return this.policy();
  }

  /** Takes over what headscale's database has; `isDryRun`: only says what that would be. */
  importHeadscale(file: string, isDryRun: boolean): Promise<HeadscaleImportInfo> {
    const { store, baseDomain, clock, stateDir } = this.#options;
    if (!file.startsWith('/'))
      throw invalid('the path of a database is absolute', 'Begin it with /.');
    const records = readHeadscale(file, stateDir);
    return store.change((state) => {
      const imported = importHeadscale(state, records, baseDomain, clock.wall());
      return {
        state: isDryRun ? state : imported.state,
        result: { dryRun: isDryRun, ...imported.report },
      };
    });
  }

  /** Throws when the database does not answer. */
  health(): { readonly status: 'ok' } {
    this.#options.audit.list(1);
    return { status: 'ok' };
  }

  /** A copy of the database to be sent away. Throws FileError. */
  copy(): DatabaseCopy {
    return copyToSend(this.#options.store, this.#options.stateDir);
  }

  /** Copies the database into a new file on the server's machine. */
  backup(file: string): { readonly file: string } {
    if (!file.startsWith('/'))
      throw invalid('the path of a backup is absolute', 'Begin it with /.');
    this.#options.store.backup(file);
    return { file };
  }

  #nodeInfo(state: ControlState, node: NodeRecord): NodeInfo {
    const { baseDomain, clock, isOnline, routesOf } = this.#options;
    return nodeInfo(state, node, baseDomain, isOnline(node.id), routesOf(node.id), clock.wall());
  }
}

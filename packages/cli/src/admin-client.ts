/**
 * Talks to a hub over its admin socket (servers' control/admin-socket.ts). Failures come as errors for
 * people: no hub, no rights, a refusal with the hub's own code and hint.
 */
import { WarrenError } from '@warren/core/base/errors';
import type {
  AuthKeyInfo,
  AuthKeyRequest,
  CreatedAuthKeyInfo,
  CreatedCodeInfo,
  LoginInfo,
  NodeInfo,
  PathsInfo,
  PolicyCheckInfo,
  PolicyInfo,
  UserInfo,
  UserRequest,
} from '@warren/servers/control/admin-types';
import { CliError, RightsError } from './errors.js';
import { requestDocument, SocketFailure } from './unix-http.js';

/** The hub answers from memory and writes a few rows, or at most its whole database; this long means it hangs. */
const ANSWER_MS = 10_000;
/** The Host header; the socket is guarded by its rights. */
const ADMIN_HOST = 'warren-hub';

function explain(failure: SocketFailure, socketPath: string): CliError {
  switch (failure.kind) {
    case 'absent':
      return new CliError(
        'HUB_ABSENT',
        `no hub answers on its admin socket ${socketPath}`,
        'start it with `warren hub`, or name its socket with --admin-socket',
        { cause: failure },
      );
    case 'denied':
      return new RightsError(
        `talk to the hub on ${socketPath}`,
        'run the command as the user that runs the hub, for example with sudo',
      );
    case 'lost':
      return new CliError(
        'HUB_LOST',
        `the hub on ${socketPath} stopped answering: ${failure.message}`,
        'see its log, and whether it still runs',
        { cause: failure },
      );
    case 'garbled':
      return answerError(socketPath, failure);
  }
}

function answerError(socketPath: string, cause?: unknown): CliError {
  return new CliError(
    'HUB_ANSWER',
    `what answers on ${socketPath} is not a hub that this command understands`,
    'use the command and the hub of one version, and the path of its admin socket',
    { cause },
  );
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

export class AdminClient {
  readonly #socketPath: string;
  readonly #signal: AbortSignal;

  constructor(socketPath: string, signal: AbortSignal) {
    this.#socketPath = socketPath;
    this.#signal = signal;
  }

  /** What machines log in to: `https://host[:port]`. */
  async url(): Promise<string> {
    const { url } = await this.#ask('GET', '/v1/info');
    if (typeof url !== 'string') throw answerError(this.#socketPath);
    return url;
  }

  /** The same with the hub's pins behind a `#`: who joins without an auth key trusts it by them. */
  async pinnedUrl(): Promise<string> {
    const { url, pins } = await this.#ask('GET', '/v1/info');
    if (typeof url !== 'string' || typeof pins !== 'string') throw answerError(this.#socketPath);
    return `${url}#${pins}`;
  }

  async createKey(request: AuthKeyRequest): Promise<CreatedAuthKeyInfo> {
    const created = await this.#ask('POST', '/v1/keys', request);
    if (typeof created['key'] !== 'string') throw answerError(this.#socketPath);
    return created as unknown as CreatedAuthKeyInfo;
  }

  async listKeys(): Promise<readonly AuthKeyInfo[]> {
    const { keys } = await this.#ask('GET', '/v1/keys');
    if (!Array.isArray(keys)) throw answerError(this.#socketPath);
    return keys as AuthKeyInfo[];
  }

  async expireKey(id: string): Promise<AuthKeyInfo> {
    const path = `/v1/keys/${encodeURIComponent(id)}/expire`;
    return (await this.#ask('POST', path)) as unknown as AuthKeyInfo;
  }

  async createCode(request: AuthKeyRequest): Promise<CreatedCodeInfo> {
    const created = await this.#ask('POST', '/v1/codes', request);
    if (typeof created['code'] !== 'string') throw answerError(this.#socketPath);
    return created as unknown as CreatedCodeInfo;
  }

  async listLogins(): Promise<readonly LoginInfo[]> {
    const { logins } = await this.#ask('GET', '/v1/logins');
    if (!Array.isArray(logins)) throw answerError(this.#socketPath);
    return logins as LoginInfo[];
  }

  /** Undefined: as a machine of the owner of all. */
  async approveLogin(id: string, user: string | undefined): Promise<NodeInfo> {
    const path = `/v1/logins/${encodeURIComponent(id)}/approve`;
    return (await this.#ask('POST', path, { user })) as unknown as NodeInfo;
  }

  async rejectLogin(id: string): Promise<LoginInfo> {
    const path = `/v1/logins/${encodeURIComponent(id)}/reject`;
    return (await this.#ask('POST', path)) as unknown as LoginInfo;
  }

  async listNodes(): Promise<readonly NodeInfo[]> {
    const { nodes } = await this.#ask('GET', '/v1/nodes');
    if (!Array.isArray(nodes)) throw answerError(this.#socketPath);
    return nodes as NodeInfo[];
  }

  async listPaths(): Promise<PathsInfo> {
    const paths = await this.#ask('GET', '/v1/paths');
    if (!Array.isArray(paths['present']) || !Array.isArray(paths['history'])) {
      throw answerError(this.#socketPath);
    }
    return paths as unknown as PathsInfo;
  }

  async deleteNode(id: number): Promise<NodeInfo> {
    return (await this.#ask('DELETE', `/v1/nodes/${id}`)) as unknown as NodeInfo;
  }

  /** Null: by its host name again. */
  async renameNode(id: number, name: string | null): Promise<NodeInfo> {
    return (await this.#ask('POST', `/v1/nodes/${id}/rename`, { name })) as unknown as NodeInfo;
  }

  /** Undefined: now; null: never. */
  async expireNode(id: number, expiresInMs: number | null | undefined): Promise<NodeInfo> {
    const body = { expiresInMs };
    return (await this.#ask('POST', `/v1/nodes/${id}/expire`, body)) as unknown as NodeInfo;
  }

  /** All that it may serve. */
  async approveRoutes(id: number, routes: readonly string[]): Promise<NodeInfo> {
    const body = { routes };
    return (await this.#ask('POST', `/v1/nodes/${id}/routes`, body)) as unknown as NodeInfo;
  }

  /** Without tags it goes to `user`. */
  async tagNode(id: number, tags: readonly string[], user: string | undefined): Promise<NodeInfo> {
    const body = { tags, user };
    return (await this.#ask('POST', `/v1/nodes/${id}/tag`, body)) as unknown as NodeInfo;
  }

  async listUsers(): Promise<readonly UserInfo[]> {
    const { users } = await this.#ask('GET', '/v1/users');
    if (!Array.isArray(users)) throw answerError(this.#socketPath);
    return users as UserInfo[];
  }

  async createUser(request: UserRequest): Promise<UserInfo> {
    return (await this.#ask('POST', '/v1/users', request)) as unknown as UserInfo;
  }

  async renameUser(id: number, request: UserRequest): Promise<UserInfo> {
    return (await this.#ask('POST', `/v1/users/${id}/rename`, request)) as unknown as UserInfo;
  }

  async deleteUser(id: number): Promise<UserInfo> {
    return (await this.#ask('DELETE', `/v1/users/${id}`)) as unknown as UserInfo;
  }

  async policy(): Promise<PolicyInfo> {
    return (await this.#ask('GET', '/v1/policy')) as unknown as PolicyInfo;
  }

  /** What the hub would make of a policy file's text. */
  async checkPolicy(text: string): Promise<PolicyCheckInfo> {
    return (await this.#ask('POST', '/v1/policy/check', { text })) as unknown as PolicyCheckInfo;
  }

  /** `file` is absolute: the hub writes it. */
  async backup(file: string): Promise<{ readonly file: string }> {
    return (await this.#ask('POST', '/v1/backup', { file })) as unknown as { file: string };
  }

  async #ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Fields> {
    try {
      const answer = await requestDocument({
        socketPath: this.#socketPath,
        host: ADMIN_HOST,
        method,
        path,
        signal: this.#signal,
        silenceMs: ANSWER_MS,
        ...(body === undefined ? {} : { body }),
      });
      if (!isFields(answer.body)) throw answerError(this.#socketPath);
      if (answer.status >= 400) throw this.#refusal(answer.body);
      return answer.body;
    } catch (error) {
      throw error instanceof SocketFailure ? explain(error, this.#socketPath) : error;
    }
  }

  #refusal({ code, message, hint }: Fields): WarrenError {
    return typeof code === 'string' && typeof message === 'string' && typeof hint === 'string'
      ? new WarrenError(code, message, hint)
      : answerError(this.#socketPath);
  }
}

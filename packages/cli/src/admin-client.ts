/**
 * Talks to a hub's admin API (servers' control/api). Failures come as errors for people: no hub, no rights, a
 * refusal with the hub's own code and hint.
 */
import { WarrenError } from '@warren/core/base/errors';
import type {
  ApiTokenInfo,
  ApiTokenRequest,
  AuditInfo,
  AuthKeyInfo,
  AuthKeyRequest,
  CreatedApiTokenInfo,
  CreatedAuthKeyInfo,
  CreatedCodeInfo,
  HeadscaleImportInfo,
  LoginInfo,
  NodeInfo,
  PathsInfo,
  PolicyCheckInfo,
  PolicyInfo,
  SshCheckInfo,
  UserInfo,
  UserRequest,
  WireGuardInfo,
  WireGuardRequest,
} from '@warren/servers/control/admin-types';
import type { AdminRequest, AdminTransport } from './admin-transport.js';

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

export class AdminClient {
  readonly #transport: AdminTransport;

  constructor(transport: AdminTransport) {
    this.#transport = transport;
  }

  /** True over the admin socket: the hub's files are this machine's. */
  get isLocal(): boolean {
    return this.#transport.isLocal;
  }

  /** What machines log in to: `https://host[:port]`. */
  async url(): Promise<string> {
    const { url } = await this.#ask('GET', '/info');
    if (typeof url !== 'string') throw this.#transport.misunderstood();
    return url;
  }

  /** The same with the pins of a hub that made its own certificate behind a `#`: who joins without an auth key trusts it by them. */
  async pinnedUrl(): Promise<string> {
    const { url, pins } = await this.#ask('GET', '/info');
    if (typeof url !== 'string') throw this.#transport.misunderstood();
    return typeof pins === 'string' ? `${url}#${pins}` : url;
  }

  async createKey(request: AuthKeyRequest): Promise<CreatedAuthKeyInfo> {
    const created = await this.#ask('POST', '/keys', request);
    if (typeof created['key'] !== 'string') throw this.#transport.misunderstood();
    return created as unknown as CreatedAuthKeyInfo;
  }

  listKeys(): Promise<readonly AuthKeyInfo[]> {
    return this.#list<AuthKeyInfo>('/keys', 'keys');
  }

  async expireKey(id: string): Promise<AuthKeyInfo> {
    const path = `/keys/${encodeURIComponent(id)}/expire`;
    return (await this.#ask('POST', path)) as unknown as AuthKeyInfo;
  }

  async createCode(request: AuthKeyRequest): Promise<CreatedCodeInfo> {
    const created = await this.#ask('POST', '/codes', request);
    if (typeof created['code'] !== 'string') throw this.#transport.misunderstood();
    return created as unknown as CreatedCodeInfo;
  }

  listLogins(): Promise<readonly LoginInfo[]> {
    return this.#list<LoginInfo>('/logins', 'logins');
  }

  /** Undefined: as a machine of the owner of all. */
  async approveLogin(id: string, user: string | undefined): Promise<NodeInfo> {
    const path = `/logins/${encodeURIComponent(id)}/approve`;
    return (await this.#ask('POST', path, { user })) as unknown as NodeInfo;
  }

  async rejectLogin(id: string): Promise<LoginInfo> {
    const path = `/logins/${encodeURIComponent(id)}/reject`;
    return (await this.#ask('POST', path)) as unknown as LoginInfo;
  }

  listSshChecks(): Promise<readonly SshCheckInfo[]> {
    return this.#list<SshCheckInfo>('/ssh-checks', 'sshChecks');
  }

  async decideSshCheck(id: string, verb: 'approve' | 'reject'): Promise<SshCheckInfo> {
    const path = `/ssh-checks/${encodeURIComponent(id)}/${verb}`;
    return (await this.#ask('POST', path)) as unknown as SshCheckInfo;
  }

  listNodes(): Promise<readonly NodeInfo[]> {
    return this.#list<NodeInfo>('/nodes', 'nodes');
  }

  /** The machine and the file that it joins with. */
  async addWireGuard(request: WireGuardRequest): Promise<WireGuardInfo> {
    return this.#wireguard(await this.#ask('POST', '/nodes', request));
  }

  async wireguardConfig(id: number): Promise<WireGuardInfo> {
    return this.#wireguard(await this.#ask('GET', `/nodes/${id}/wireguard-config`));
  }

  #wireguard(info: Fields): WireGuardInfo {
    if (typeof info['config'] !== 'string') throw this.#transport.misunderstood();
    return info as unknown as WireGuardInfo;
  }

  async listPaths(): Promise<PathsInfo> {
    const paths = await this.#ask('GET', '/paths');
    if (!Array.isArray(paths['present']) || !Array.isArray(paths['history'])) {
      throw this.#transport.misunderstood();
    }
    return paths as unknown as PathsInfo;
  }

  async deleteNode(id: number): Promise<NodeInfo> {
    return (await this.#ask('DELETE', `/nodes/${id}`)) as unknown as NodeInfo;
  }

  /** Null: by its host name again. */
  async renameNode(id: number, name: string | null): Promise<NodeInfo> {
    return (await this.#ask('POST', `/nodes/${id}/rename`, { name })) as unknown as NodeInfo;
  }

  /** Undefined: now; null: never. */
  async expireNode(id: number, expiresInMs: number | null | undefined): Promise<NodeInfo> {
    const body = { expiresInMs };
    return (await this.#ask('POST', `/nodes/${id}/expire`, body)) as unknown as NodeInfo;
  }

  /** All that it may serve. */
  async approveRoutes(id: number, routes: readonly string[]): Promise<NodeInfo> {
    const body = { routes };
    return (await this.#ask('POST', `/nodes/${id}/routes`, body)) as unknown as NodeInfo;
  }

  /** Without tags it goes to `user`. */
  async tagNode(id: number, tags: readonly string[], user: string | undefined): Promise<NodeInfo> {
    const body = { tags, user };
    return (await this.#ask('POST', `/nodes/${id}/tag`, body)) as unknown as NodeInfo;
  }

  listUsers(): Promise<readonly UserInfo[]> {
    return this.#list<UserInfo>('/users', 'users');
  }

  async createUser(request: UserRequest): Promise<UserInfo> {
    return (await this.#ask('POST', '/users', request)) as unknown as UserInfo;
  }

  async renameUser(id: number, request: UserRequest): Promise<UserInfo> {
    return (await this.#ask('POST', `/users/${id}/rename`, request)) as unknown as UserInfo;
  }

  async deleteUser(id: number): Promise<UserInfo> {
    return (await this.#ask('DELETE', `/users/${id}`)) as unknown as UserInfo;
  }

  async policy(): Promise<PolicyInfo> {
    return (await this.#ask('GET', '/policy')) as unknown as PolicyInfo;
  }

  /** What the hub would make of a policy file's text. */
  async checkPolicy(text: string): Promise<PolicyCheckInfo> {
    return (await this.#ask('POST', '/policy/check', { text })) as unknown as PolicyCheckInfo;
  }

  /** `file` is absolute: the hub writes it. */
  async backup(file: string): Promise<{ readonly file: string }> {
    return (await this.#ask('POST', '/backup', { file })) as unknown as { file: string };
  }

  /** Puts a policy in place of the one that holds; null: none. */
  async setPolicy(text: string | null): Promise<PolicyInfo> {
    const answer =
      text === null ? this.#ask('DELETE', '/policy') : this.#ask('PUT', '/policy', { text });
    return (await answer) as unknown as PolicyInfo;
  }

  /** A copy of the database as it comes. */
  async download(): Promise<AsyncIterable<Uint8Array>> {
    const answer = await this.#transport.download('/backup');
    if (!('status' in answer)) return answer;
    throw this.#refusal(isFields(answer.body) ? answer.body : {});
  }

  async createToken(request: ApiTokenRequest): Promise<CreatedApiTokenInfo> {
    const created = await this.#ask('POST', '/tokens', request);
    if (typeof created['token'] !== 'string') throw this.#transport.misunderstood();
    return created as unknown as CreatedApiTokenInfo;
  }

  listTokens(): Promise<readonly ApiTokenInfo[]> {
    return this.#list<ApiTokenInfo>('/tokens', 'tokens');
  }

  async revokeToken(id: string): Promise<ApiTokenInfo> {
    const path = `/tokens/${encodeURIComponent(id)}/revoke`;
    return (await this.#ask('POST', path)) as unknown as ApiTokenInfo;
  }

  /** The newest first. */
  audit(limit: number): Promise<readonly AuditInfo[]> {
    return this.#list<AuditInfo>(`/audit?limit=${limit}`, 'entries');
  }

  /** `file` is absolute: the hub reads it. */
  async importHeadscale(file: string, dryRun: boolean): Promise<HeadscaleImportInfo> {
    const body = { file, dryRun };
    return (await this.#ask('POST', '/import/headscale', body)) as unknown as HeadscaleImportInfo;
  }

  /** The entries of a list; they are as this hub's version has them. */
  async #list<Entry>(path: string, field: string): Promise<readonly Entry[]> {
    const { [field]: entries } = await this.#ask('GET', path);
    if (!Array.isArray(entries)) throw this.#transport.misunderstood();
    return entries as Entry[];
  }

  async #ask(method: AdminRequest['method'], path: string, body?: unknown): Promise<Fields> {
    const request = { method, path, ...(body === undefined ? {} : { body }) };
    const answer = await this.#transport.ask(request);
    if (!isFields(answer.body)) throw this.#transport.misunderstood();
    if (answer.status >= 400) throw this.#refusal(answer.body);
    return answer.body;
  }

  #refusal({ code, detail, hint }: Fields): WarrenError {
    return typeof code === 'string' && typeof detail === 'string' && typeof hint === 'string'
      ? new WarrenError(code, detail, hint)
      : this.#transport.misunderstood();
  }
}

/**
 * The tables as queries see them. Every row belongs to a tailnet by id. Times are milliseconds since 1970,
 * flags 0 or 1, keys as clients write them (`nodekey:...`); JSON stands only where the content is a list or is
 * none of our business.
 */
import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';

/** Facts of the whole database: `schema_version`, `revision`, `next_node_id`, `next_user_id`. */
interface MetaTable {
  readonly name: string;
  readonly value: number;
}

interface TailnetTable {
  readonly id: string;
  readonly last_address_index: number;
}

interface UserTable {
  readonly tailnet_id: string;
  readonly id: number;
  readonly login_name: string;
  readonly display_name: string;
}

interface PreAuthKeyTable {
  readonly tailnet_id: string;
  readonly id: string;
  /** `join` or `approve`. */
  readonly purpose: string;
  readonly secret_sha256: string;
  /** Null: its nodes are tagged. */
  readonly user_id: number | null;
  /** JSON: list of texts. */
  readonly tags: string;
  readonly reusable: number;
  readonly ephemeral: number;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly used_at: number | null;
  readonly revoked_at: number | null;
}

interface NodeTable {
  readonly tailnet_id: string;
  readonly id: number;
  /** `machine` or `wireguard`. */
  readonly kind: string;
  readonly stable_id: string;
  readonly machine_key: string;
  readonly node_key: string;
  readonly disco_key: string | null;
  /** Null: tagged. */
  readonly user_id: number | null;
  /** JSON: list of texts. */
  readonly tags: string;
  /** The key that it came in by last. */
  readonly auth_key_id: string | null;
  readonly ephemeral: number;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly label: string;
  readonly label_given: number;
  readonly host_name: string;
  /** JSON: as the node reported it. */
  readonly host_info: string;
  readonly net_info: string | null;
  /** JSON: list of {endpoint, type}. */
  readonly endpoints: string;
  /** JSON: list of prefixes. */
  readonly approved_routes: string;
  readonly cap_version: number;
  readonly created_at: number;
  readonly key_expiry: number | null;
  readonly last_seen: number | null;
}

/** Changes of paths as nodes reported them; `number` counts up. */
interface PathChangeTable {
  readonly number: number;
  readonly node_id: number;
  readonly peer_key: string;
  readonly at: number;
  readonly path: string;
  readonly endpoint: string | null;
  readonly region_id: number | null;
  readonly latency_ms: number | null;
}

/** The policy that was accepted last, as its file was written. */
interface PolicyTable {
  readonly tailnet_id: string;
  readonly text: string;
  readonly accepted_at: number;
}

interface ApiTokenTable {
  readonly id: string;
  readonly secret_sha256: string;
  readonly description: string;
  /** JSON: list of texts. */
  readonly scopes: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly used_at: number | null;
  readonly revoked_at: number | null;
}

/** Who did what; `number` counts up. */
interface AuditEntryTable {
  readonly number: number;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly detail: string;
  readonly outcome: string;
}

export interface Schema {
  readonly meta: MetaTable;
  readonly tailnets: TailnetTable;
  readonly users: UserTable;
  readonly pre_auth_keys: PreAuthKeyTable;
  readonly nodes: NodeTable;
  readonly path_changes: PathChangeTable;
  readonly policies: PolicyTable;
  readonly api_tokens: ApiTokenTable;
  readonly audit_entries: AuditEntryTable;
}

export type Row<Table extends keyof Schema> = Schema[Table];

/** Builds queries and never runs them: SQLite answers at once, so nothing has to be waited for. */
export type Queries<Tables = Schema> = Kysely<Tables>;

export interface Compilable {
  compile(): CompiledQuery;
}

/** Queries in SQLite's words. */
export function sqliteQueries<Tables = Schema>(): Queries<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}

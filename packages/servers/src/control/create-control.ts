/**
 * A control server on somebody's HTTP server: `warren hub` puts it beside the relay on one port.
 *
 *     request -> handleRequest -> /key or an approval page answered, or false
 *     upgrade -> handleUpgrade -> Noise, HTTP/2, machine API, or false
 *
 * State directory: control.key (identity), control.db (nodes, users, auth keys).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WallTime } from '@warren/core/base/instant';
import { accessNodeOf } from '@warren/core/control/server/access-node-of';
import type { MayTag, RegisterContext } from '@warren/core/control/server/admission';
import type { DnsSettings } from '@warren/core/control/server/dns-config';
import type { Policies } from '@warren/core/control/server/rights';
import { announcedRoutes, servedRoutes } from '@warren/core/control/server/served-routes';
import {
  type ControlState,
  findNode,
  isExpired,
  withNode,
  withoutNode,
} from '@warren/core/control/server/state';
import type { Prefix } from '@warren/core/ip/prefix';
import type { MachineKey, NodeKey } from '@warren/core/keys/keys';
import type { WireRelayMap } from '@warren/core/netmap/wire';
import { autoApproves, mayTag } from '@warren/core/policy/ownership';
import { OPEN_POLICY } from '@warren/core/policy/policy';
import type { Crypto, Random } from '@warren/core/ports';
import type { Clock } from '@warren/shell/clock';
import { ensureDirectory } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';
import { ControlError } from '../errors.js';
import { WatchedFile } from '../watched-file.js';
import { ControlAdmin } from './admin.js';
import { TAILNET } from './admin-input.js';
import { SshCheckAdmin } from './admin-ssh-checks.js';
import { AuditLog } from './api/audit-log.js';
import { TokenBook } from './api/token-book.js';
import { ApprovalPage } from './approval-page.js';
import { loginApprovals, sshApprovals } from './approval-subjects.js';
import { loadOrMakeControlKey } from './control-key.js';
import { openDatabase } from './database/open-database.js';
import { parseDnsFile } from './dns-file.js';
import { ExpiryAlarm } from './expiry-alarm.js';
import { LoginDesk } from './login-desk.js';
import { MachineApi } from './machine-api.js';
import { MapStreams } from './map-streams.js';
import { PathBook } from './path-book.js';
import type { CheckedNetwork } from './policy/check-policy.js';
import { PolicyKeeper } from './policy/policy-keeper.js';
import { SshDesk } from './ssh-desk.js';
import { StateStore } from './state-store.js';
import { Ts2021Listener } from './ts2021-listener.js';

export interface ControlOptions {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stateDir: string;
  /** Sent to every node. */
  readonly relayMap: WireRelayMap;
  /** What clients log in to, `https://host[:port]`; addresses that people open begin with it. */
  readonly serverUrl: string;
  /** How long the keys of people's machines are good for; undefined: for ever. */
  readonly nodeKeyLifeMs?: number | undefined;
  /** Suffix of the nodes' DNS names, such as `warren.internal`; not the server's own name. */
  readonly baseDomain: string;
  /** Who may do what (policy/parse-policy.ts), read again when it changes; undefined: everybody may talk to everybody. */
  readonly policyFile?: string | undefined;
  /** Names and resolvers (dns-file.ts), read again when it changes; undefined: names alone. */
  readonly dnsFile?: string | undefined;
  /** SHA-256 of the TLS certificate (DER) as hex: auth keys carry it, with the control key. */
  readonly certificateSha256?: string | undefined;
  /** Hears of nodes that came, went, changed their key or expired, so that relays can check their clients again. */
  readonly onMembersChanged?: (() => void) | undefined;
}

export interface Control {
  readonly publicKey: MachineKey;
  readonly admin: ControlAdmin;
  /** False: not a request for control; nothing was written. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean;
  /** False: not an upgrade for control; the socket is untouched. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): boolean;
  /** True for the node key of a node that may talk now: the admission rule of relays. */
  isMember(key: NodeKey): boolean;
  /** Other relays from now on; every node hears of what changed. */
  setRelayMap(relayMap: WireRelayMap): void;
  stats(): ControlStats;
  /** Ends all connections and writes what isn't written yet. */
  close(): Promise<void>;
}

export interface ControlStats {
  readonly nodes: number;
  readonly connections: number;
  readonly mapStreams: number;
  /** Machines that wait for a person. */
  readonly pendingLogins: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** Reads or makes the state; throws FileError or {@link ControlError}. */
export function createControl(options: ControlOptions): Control {
  checkBaseDomain(options.baseDomain);
  return new ControlServer(options);
}

class ControlServer implements Control {
  readonly publicKey: MachineKey;
  readonly admin: ControlAdmin;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #store: StateStore;
  readonly #streams: MapStreams;
  readonly #listener: Ts2021Listener;
  readonly #policy: PolicyKeeper;
  readonly #dnsFile: WatchedFile<DnsSettings> | undefined;
  readonly #paths: PathBook;
  readonly #desk: LoginDesk;
  readonly #sshDesk: SshDesk;
  readonly #page: ApprovalPage;
  readonly #expiries: ExpiryAlarm;

  constructor(options: ControlOptions) {
    const { stateDir, clock, random, baseDomain, relayMap, certificateSha256 } = options;
    const log = options.log.child({ part: 'control' });
    this.#clock = clock;
    this.#log = log;
    ensureDirectory(stateDir);
    const { dnsFile } = options;
    this.#dnsFile =
      dnsFile === undefined
        ? undefined
        : new WatchedFile({ path: dnsFile, what: 'the DNS settings', parse: parseDnsFile, log });
    const privateKey = loadOrMakeControlKey(stateDir, random);
    const database = openDatabase(stateDir, log);
    const paths = new PathBook(database, log);
    this.#paths = paths;
    const store = new StateStore({
      database,
      log,
      onChange: (state, isDurable) => {
        this.#streams.publish(state);
        paths.keepOnly((id) => state.nodes.has(id));
        if (isDurable) {
          this.#expiries.watch(state);
          options.onMembersChanged?.();
        }
      },
    });
    this.#store = store;
    this.#expiries = new ExpiryAlarm(clock, () => options.onMembersChanged?.());
    this.#expiries.watch(store.state);
    const policy = new PolicyKeeper({
      ...{ file: options.policyFile, tailnet: TAILNET, database, clock, log },
      network: () => networkOf(store.state),
    });
    this.#policy = policy;
    const policies = (): Policies =>
      new Map(policy.compiled === undefined ? [] : [[TAILNET, policy.compiled]]);
    this.#streams = new MapStreams({
      state: store.state,
      settings: {
        baseDomain,
        serverUrl: options.serverUrl,
        relayMap,
        crypto: options.crypto,
        dns: this.#dnsFile?.value,
        policies: policies(),
      },
      random,
      clock,
      log,
      onOnline: (id) => store.note((state) => seen(state, id, undefined)),
      onOffline: (id, lastSeen) => store.note((state) => seen(state, id, lastSeen)),
      onAbandoned: (id) => void this.#abandon(id),
    });
    const mayTagBy: MayTag = (user, tag) =>
      mayTag(policy.compiled?.policy ?? OPEN_POLICY, user.loginName, tag);
    const contextOf = (machineKey: MachineKey): RegisterContext => ({
      ...{ machineKey, baseDomain, random, crypto: options.crypto, wall: clock.wall() },
      ...{ nodeKeyLifeMs: options.nodeKeyLifeMs, mayTag: mayTagBy },
    });
    const desk = new LoginDesk({ ...options, log, store, contextOf });
    this.#desk = desk;
    const audit = new AuditLog({ database, clock, log });
    const sshDesk = new SshDesk({
      ...{ ...options, log, store },
      sshRule: (...session) => this.#streams.sshRule(...session),
    });
    this.#sshDesk = sshDesk;
    const sshChecks = new SshCheckAdmin({ store, baseDomain, sshDesk });
    const kinds = [loginApprovals(desk, baseDomain), sshApprovals(sshDesk, sshChecks)];
    this.#page = new ApprovalPage({ ...options, log, kinds, audit });
    const shared = {
      ...options,
      log,
      store,
      paths,
      streams: this.#streams,
      contextOf,
      desk,
      sshDesk,
    };
    const api = new MachineApi(shared);
    this.#listener = new Ts2021Listener({
      ...shared,
      privateKey,
      onRequest: (connection, stream, headers) => api.handle(connection, stream, headers),
    });
    this.publicKey = this.#listener.publicKey;
    const controlKey = this.publicKey;
    this.admin = new ControlAdmin({
      ...shared,
      pins: certificateSha256 === undefined ? undefined : { certificateSha256, controlKey },
      isOnline: (id) => this.#streams.isOnline(id),
      routesOf: (id) => this.#streams.routesOf(id),
      peersOf: (id) => this.#streams.peersOf(id),
      policy,
      audit,
      tokens: new TokenBook({ database, crypto: options.crypto, random, clock, log }),
    });
    this.#dnsFile?.watch((dns) => this.#streams.setDns(dns));
    policy.watch(() => this.#streams.setPolicies(policies()));
  }

  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#page.handleRequest(request, response)) return true;
    return this.#listener.handleRequest(request, response);
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): boolean {
    return this.#listener.handleUpgrade(request, socket, head);
  }

  isMember(key: NodeKey): boolean {
    const node = findNode(this.#store.state, key);
    return node?.kind === 'machine' && !isExpired(node, this.#clock.wall());
  }

  setRelayMap(relayMap: WireRelayMap): void {
    this.#streams.setRelayMap(relayMap);
  }

  stats(): ControlStats {
    return {
      nodes: this.#store.state.nodes.size,
      connections: this.#listener.size,
      mapStreams: this.#streams.size,
      pendingLogins: this.#desk.size,
      counters: { ...this.#listener.counters.snapshot(), ...this.#streams.counters() },
    };
  }

  close(): Promise<void> {
    this.#policy.close();
    this.#dnsFile?.close();
    this.#desk.close();
    this.#sshDesk.close();
    this.#expiries.close();
    this.#streams.close();
    this.#listener.close();
    this.#paths.close();
    this.#store.close();
    return Promise.resolve();
  }

  /** Deletes an ephemeral node that stayed away. */
  async #abandon(id: number): Promise<void> {
    try {
      await this.#store.change((state) => ({ state: withoutNode(state, id), result: undefined }));
      this.#log.info('ephemeral node deleted', { node: id });
    } catch (error) {
      this.#log.error('an ephemeral node could not be deleted; tried again later', { error });
    }
  }
}

/** `lastSeen` undefined: the node is online. */
function seen(state: ControlState, id: number, lastSeen: WallTime | undefined): ControlState {
  const node = state.nodes.get(id);
  return node === undefined ? state : withNode(state, { ...node, lastSeen });
}

/** Nodes and users as policies are tried on them. */
function networkOf(state: ControlState): CheckedNetwork {
  return {
    nodes: (policy) =>
      [...state.nodes.values()].map((node) => {
        const bare = accessNodeOf(state, node, []);
        const isAuto = (route: Prefix): boolean => autoApproves(policy, bare, route);
        const announced = announcedRoutes(node.hostInfo);
        return { ...bare, routes: servedRoutes(announced, node.approvedRoutes, isAuto) };
      }),
    users: [...state.users.values()].map(({ loginName }) => loginName),
  };
}

function checkBaseDomain(baseDomain: string): void {
  const isName = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
  if (baseDomain.length <= 190 && isName.test(baseDomain)) return;
  throw new ControlError(
    'CONTROL_SETTING',
    `${JSON.stringify(baseDomain)} can't be the base domain`,
    'Give a DNS name in lower case, such as warren.internal.',
  );
}

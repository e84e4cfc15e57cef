/**
 * What the daemon was told: at its start (flags, environment, configuration) and by `warren set`, which changes
 * it while it runs. The latter is in the profile, so it survives restarts; the former is what the next start says.
 */
import { hostname } from 'node:os';
import type { Endpoint } from '@warren/core/ip/address';
import type { Logger } from '@warren/shell/log';
import {
  changedRoutes,
  mergeChanges,
  type RouteChange,
  type RouteSettings,
} from '../config/route-settings.js';
import type { NodeSettings } from '../config/settings.js';
import {
  MAX_STATIC_ENDPOINTS,
  parseStaticEndpoint,
  type StaticEndpoint,
} from '../config/static-endpoints.js';
import { NodeError } from '../errors.js';
import type { DaemonSettings, SettingsReport, SettingsRequest } from '../local-api/protocol.js';
import type { Health } from './health.js';
import type { ProfileFile } from './profile-file.js';
import { StaticNames } from './static-names.js';

export interface LiveSettingsOptions {
  /** What the start said. */
  readonly started: NodeSettings;
  readonly file: Pick<ProfileFile, 'profile' | 'store'>;
  readonly health: Pick<Health, 'set' | 'clear'>;
  readonly log: Logger;
  /** Peers are to be told these. */
  readonly onStaticEndpoints: (endpoints: readonly Endpoint[]) => void;
  /** Control is to be told this. */
  readonly onHostName: (hostName: string) => void;
  /** Ports of hard NATs are foretold and guessed from now on, or no more. */
  readonly onHardNats: (isOn: boolean) => void;
  /** The network's DNS settings are used from now on, or no more. */
  readonly onAcceptDns: () => void;
  /** The stable id of the peer that a person means as exit node; throws ROUTES when it is none. */
  readonly exitNodeOf: (wanted: string) => string;
  /** Other routes are announced or used from now on. */
  readonly onRoutes: () => void;
}

export class LiveSettings {
  readonly #options: LiveSettingsOptions;
  readonly #names: StaticNames;

  constructor(options: LiveSettingsOptions) {
    const { health, log } = options;
    this.#options = options;
    this.#names = new StaticNames({
      onChange: (endpoints) => {
        log.info('static endpoints', { endpoints });
        options.onStaticEndpoints(endpoints);
      },
      onTrouble: (sentence) => {
        if (sentence === undefined) health.clear('static-names');
        else health.set('static-names', sentence);
      },
    });
    this.#names.set(this.#wanted());
  }

  /** What peers are told; names are looked up. */
  get staticEndpoints(): readonly Endpoint[] {
    return this.#names.endpoints;
  }

  /** Ports of hard NATs are foretold and guessed. */
  get hardNats(): boolean {
    return this.#options.file.profile.hardNats ?? this.#options.started.hardNats;
  }

  /** The network's DNS settings are used. */
  get acceptDns(): boolean {
    return this.#options.file.profile.acceptDns ?? this.#options.started.acceptDns;
  }

  /** What is announced and used of routes. */
  get routes(): RouteSettings {
    return this.#routesWith(this.#options.file.profile.routes);
  }

  /** What status shows. */
  status(): DaemonSettings {
    const { configFile, healthPort, portMapping, mtuBytes } = this.#options.started;
    return {
      configFile,
      staticEndpoints: this.#wanted(),
      healthPort: healthPort ?? null,
      portMapping,
      hardNats: this.hardNats,
      acceptDns: this.acceptDns,
      routes: this.routes,
      mtuBytes,
    };
  }

  report(): SettingsReport {
    const { started, file } = this.#options;
    return {
      configFile: started.configFile,
      hostName: file.profile.hostName ?? hostname(),
      staticEndpoints: {
        set: file.profile.staticEndpoints,
        started: started.staticEndpoints,
        inUse: this.#names.endpoints,
      },
      healthPort: started.healthPort ?? null,
      hardNats: this.hardNats,
      acceptDns: this.acceptDns,
      routes: this.routes,
    };
  }

  /** Keeps and applies the changes; throws a NodeError or FileError, and nothing changed. */
  change(request: SettingsRequest): SettingsReport {
    const { file, onHostName, onHardNats, onAcceptDns } = this.#options;
    const { profile } = file;
    const { hostName = profile.hostName, hardNats = profile.hardNats } = request;
    const { acceptDns = profile.acceptDns } = request;
    const wasOn = this.hardNats;
    const didAccept = this.acceptDns;
    const routes = this.#readRoutes(request.routes);
    const staticEndpoints = this.#readEndpoints(request.staticEndpoints ?? profile.staticEndpoints);
    file.store({ ...profile, hostName, staticEndpoints, hardNats, acceptDns, routes });
    if (this.hardNats !== wasOn) onHardNats(this.hardNats);
    if (this.acceptDns !== didAccept) onAcceptDns();
    if (request.routes !== undefined) this.#options.onRoutes();
    if (request.staticEndpoints !== undefined) this.#names.set(this.#wanted());
    if (hostName !== undefined && hostName !== profile.hostName) onHostName(hostName);
    return this.report();
  }

  /** Another network may answer names otherwise. */
  linkChanged(): void {
    this.#names.look();
  }

  close(): void {
    this.#names.close();
  }

  /** Checked as a whole, so that what is stored can be read. */
  #readRoutes(change: RouteChange | undefined): RouteChange | undefined {
    const { routes } = this.#options.file.profile;
    if (change === undefined) return routes;
    const { exitNode = '' } = change;
    const named =
      exitNode === '' ? change : { ...change, exitNode: this.#options.exitNodeOf(exitNode) };
    const checked = changedRoutes(this.#routesWith(routes), named);
    // Both default routes in a list are the other setting.
    const advertised =
      named.advertiseRoutes === undefined
        ? {}
        : {
            advertiseRoutes: checked.advertiseRoutes,
            advertiseExitNode: checked.advertiseExitNode,
          };
    return mergeChanges(mergeChanges(routes ?? {}, named), advertised);
  }

  #routesWith(change: RouteChange | undefined): RouteSettings {
    const { started, log } = this.#options;
    try {
      return changedRoutes(started.routes, change ?? {});
    } catch (error) {
      // Each by itself was good when it was said.
      log.warn('routes of the configuration and of `warren set` do not fit', { error });
      return started.routes;
    }
  }

  #wanted(): StaticEndpoint[] {
    const { started, file } = this.#options;
    return [...new Set([...started.staticEndpoints, ...file.profile.staticEndpoints])];
  }

  #readEndpoints(texts: readonly string[]): StaticEndpoint[] {
    const read = texts.map((text) => {
      const { endpoint, problem } = parseStaticEndpoint(text);
      if (endpoint !== undefined) return endpoint;
      throw new NodeError(
        'STATIC_ENDPOINT',
        problem,
        'write ADDRESS:PORT, such as 192.0.2.20:41641',
      );
    });
    const all = new Set([...this.#options.started.staticEndpoints, ...read]);
    if (all.size <= MAX_STATIC_ENDPOINTS) return [...new Set(read)];
    throw new NodeError(
      'STATIC_ENDPOINT',
      `there would be ${all.size} static endpoints with those of the daemon's start`,
      `give at most ${MAX_STATIC_ENDPOINTS}`,
    );
  }
}

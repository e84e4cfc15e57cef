/** A ControlClient on a stage for the tests of this folder: the test plays its shell and its server. */
import { type Instant, instant } from '../base/instant.js';
import { asObject, type JsonObject, parseJson } from '../base/json.js';
import { SeededRandom } from '../base/seeded-random.js';
import { encodeUtf8 } from '../base/text.js';
import { nobleCrypto } from '../crypto/noble.js';
import {
  type DiscoKey,
  formatPublicKey,
  generatePrivateKey,
  type NodePrivateKey,
  publicKeyOf,
} from '../keys/keys.js';
import { ControlClient } from './client.js';
import type { ControlClientOutput } from './io.js';
import { encodeMapFrame } from './map-framing.js';

type Output<Type extends ControlClientOutput['type']> = Extract<
  ControlClientOutput,
  { type: Type }
>;
type Request = Output<'request'>;

export const KNOWN_KEY: NodePrivateKey = generatePrivateKey('node', new SeededRandom(5));

export const keyText = (key: NodePrivateKey): string =>
  formatPublicKey('node', publicKeyOf(nobleCrypto, 'node', key));

export const YES = { MachineAuthorized: true, User: { ID: 1 }, AuthURL: '', Error: '' };

/** A client on a stage: the test plays shell and server. */
export class Play {
  readonly client: ControlClient;
  now: Instant = instant(0);
  /** Everything the client put out, oldest first. */
  readonly log: ControlClientOutput[] = [];

  constructor(nodeKey?: NodePrivateKey) {
    this.client = new ControlClient({
      crypto: nobleCrypto,
      random: new SeededRandom(3),
      nodeKey,
      discoKey: 'dd'.repeat(32) as DiscoKey,
      hostInfo: { OS: 'linux', Hostname: 'alpha' },
      ephemeral: false,
      acceptRoutes: false,
      origin: 'https://hub.example',
    });
  }

  handle(input: Parameters<ControlClient['handle']>[0]): this {
    this.client.handle(input, this.now);
    for (let out = this.client.poll(); out !== undefined; out = this.client.poll()) {
      this.log.push(out);
    }
    return this;
  }

  pass(ms: number): this {
    const end = this.now + ms;
    for (;;) {
      const next = this.client.nextTimeout();
      if (next === undefined || next > end) break;
      this.now = instant(Math.max(next, this.now));
      this.handle({ type: 'timeout' });
    }
    this.now = instant(end);
    return this;
  }

  all<Type extends ControlClientOutput['type']>(type: Type): Output<Type>[] {
    return this.log.filter((output): output is Output<Type> => output.type === type);
  }

  last<Type extends ControlClientOutput['type']>(type: Type): Output<Type> {
    const found = this.all(type).at(-1);
    if (found === undefined) throw new Error(`there was no ${type}`);
    return found;
  }

  /** Requests of a kind: register, map (the poll) or update. */
  requests(kind: 'register' | 'map' | 'update'): Request[] {
    return this.all('request').filter((request) => {
      const isMap = request.path === '/machine/map';
      return kind === 'register' ? !isMap : isMap && request.streaming === (kind === 'map');
    });
  }

  request(kind: 'register' | 'map' | 'update'): Request {
    const found = this.requests(kind).at(-1);
    if (found === undefined) throw new Error(`there was no ${kind} request`);
    return found;
  }

  body(request: Request): JsonObject {
    return asObject(parseJson(request.body)) ?? {};
  }

  answer(kind: 'register' | 'map' | 'update', status: number, body: object | string = ''): this {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const { id } = this.request(kind);
    return this.handle({ type: 'response', id, status, body: encodeUtf8(text) });
  }

  /** One frame on the poll. */
  frame(message: object | string): this {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    const { id } = this.request('map');
    return this.handle({ type: 'stream-bytes', id, bytes: encodeMapFrame(text, '') });
  }

  /** The full first message for the key that the client last registered. */
  fullMap(changes: object = {}, nodeChanges: object = {}): this {
    const body = this.body(this.request('map'));
    return this.frame({
      Node: {
        ID: 1,
        Key: body['NodeKey'],
        Addresses: ['100.64.0.1/32'],
        MachineAuthorized: true,
        ...nodeChanges,
      },
      Peers: [peer(2)],
      ControlTime: '2026-01-02T00:00:00Z',
      ...changes,
    });
  }

  get states(): string[] {
    return this.all('state').map(({ state }) => state);
  }

  /** Connected and registered by auth key. */
  joined(): this {
    return this.handle({ type: 'login', authKey: 'wkey-auth-x' })
      .handle({ type: 'connected' })
      .answer('register', 200, YES);
  }

  /** Connected, registered, with a first netmap and nothing to say. */
  running(): this {
    return this.joined().fullMap().answer('update', 200);
  }
}

export function peer(id: number): object {
  return {
    ID: id,
    Key: `nodekey:${id.toString(16).padStart(64, '0')}`,
    Addresses: [`100.64.0.${id}/32`],
  };
}

export const zeroKey = `nodekey:${'0'.repeat(64)}`;

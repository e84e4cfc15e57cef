/**
 * A machine that speaks to a control server as a stock client does, and does nothing else: registers with an auth key, holds a
 * map stream, tells its endpoints, and comes back by itself when the stream ends.
 *
 *     dial --register (first time)--> poll --first message--> mapped --stream or connection ends--> pause --> dial
 *     pause: n^2 * 10 ms, at most 30 s, by half more or less, after the n-th failure in a row
 */
import {
  generatePrivateKey,
  type MachineKey,
  type MachinePrivateKey,
} from '@warren/core/keys/keys';
import type { Crypto, Random } from '@warren/core/ports';
import { endpointOfChange } from './changes.js';
import { discoKeyOf, hostInfoOf, nodeKeyOf, sourceAddressOf } from './identity.js';
import { MapMemory } from './map-memory.js';
import { MapReader } from './map-reader.js';
import { type Kind, type Member, monotonicMs } from './protocol.js';
import { type Link, openLink, STOCK_VERSION } from './ts2021-link.js';

const PAUSE_UNIT_MS = 10;
const PAUSE_MAX_MS = 30_000;
/** Types of endpoints, as the wire has them. */
const [LOCAL, STUN] = [1, 2];
const ZERO_NODE_KEY = `nodekey:${'0'.repeat(64)}`;
const ZERO_LOCK_KEY = `nlpub:${'0'.repeat(64)}`;
const NO_EXPIRY = '0001-01-01T00:00:00Z';

/** What the clients of a process share. */
export interface Surroundings {
  readonly host: string;
  readonly port: number;
  readonly serverKey: MachineKey;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly indexes: ReadonlyMap<string, number>;
  readonly openFrame: (frame: Buffer) => Buffer;
  /** The client knows all its peers. */
  readonly onWhole: () => void;
  readonly onChange: (client: number, change: number) => void;
  readonly onBroken: (reason: string) => void;
}

/** The server does not want this client, whatever it does. */
export class Refused extends Error {}

export class SimulatedClient {
  readonly #member: Member;
  readonly #around: Surroundings;
  readonly #machinePrivateKey: MachinePrivateKey;
  readonly #memory = new MapMemory();
  #endpoint: string;
  #kind: Kind = 'stock';
  #isMember = false;
  #link: Link | undefined;
  #reader: MapReader | undefined;
  /** Of the stream before, for those who resume. */
  #former: MapReader | undefined;
  #failures = 0;
  /** Counts connections, so that what an old one still says is not heard. */
  #attempt = 0;
  /** Since when it knows all its peers; undefined: it doesn't. */
  wholeAt: number | undefined;
  /** The present stream went on from what was held. */
  isResumed = false;

  constructor(member: Member, around: Surroundings) {
    this.#member = member;
    this.#around = around;
    this.#machinePrivateKey = generatePrivateKey('machine', around.random);
    const { index } = member;
    this.#endpoint = `192.168.${(index >> 8) & 255}.${index & 255}:41641`;
  }

  /** Resolves with the first message of its map. Rejects with {@link Refused} when there will be none. */
  async join(): Promise<void> {
    for (;;) {
      try {
        await this.#connect();
        return;
      } catch (error) {
        if (error instanceof Refused) throw error;
        await this.#pause(error);
      }
    }
  }

  /** Only a stream that begins after this brings a map. */
  expect(kind: Kind): void {
    this.#kind = kind;
    this.wholeAt = undefined;
    this.isResumed = false;
    this.#former = this.#reader;
    this.#reader = undefined;
  }

  /** It has a stream, on which not all came that it lacks. */
  get isStranded(): boolean {
    return this.wholeAt === undefined && this.#reader !== undefined && this.#link !== undefined;
  }

  drop(): void {
    this.#link?.close();
  }

  /** False: it has no connection to tell it on. */
  change(change: number): boolean {
    this.#endpoint = endpointOfChange(change);
    return this.#link !== undefined && this.#update(this.#link);
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    const { index } = this.#member;
    const link = await openLink(
      {
        ...this.#around,
        sourceAddress: sourceAddressOf(index),
        machinePrivateKey: this.#machinePrivateKey,
      },
      () => this.#lost(attempt, 'the connection ended'),
    );
    try {
      const isNew = !this.#isMember;
      if (isNew) await this.#register(link);
      const mapped = this.#poll(link, attempt);
      // A stock client says it in the same moment; after that only when something changed.
      if (isNew) this.#update(link);
      await mapped;
      this.#link = link;
      this.#failures = 0;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  async #register(link: Link): Promise<void> {
    const { index, authKey } = this.#member;
    const body = {
      Version: STOCK_VERSION,
      NodeKey: nodeKeyOf(index),
      OldNodeKey: ZERO_NODE_KEY,
      NLKey: ZERO_LOCK_KEY,
      Auth: { AuthKey: authKey },
      Expiry: NO_EXPIRY,
      Followup: '',
      Hostinfo: hostInfoOf(index),
      NodeKeySignature: null,
    };
    const { status, text } = await ask(link, '/machine/register', JSON.stringify(body));
    if (status !== 200) throw new Error(`register: status ${status}: ${text.slice(0, 100)}`);
    const answer = JSON.parse(text) as { Error?: string; MachineAuthorized?: boolean };
    if (answer.MachineAuthorized !== true) {
      throw new Refused(answer.Error ?? 'the server wants a person to decide');
    }
    this.#isMember = true;
  }

  /** Resolves with the first message; the stream's end is told to `#lost` after that. */
  #poll(link: Link, attempt: number): Promise<void> {
    const { index, peers } = this.#member;
    const { indexes, openFrame, onChange, onWhole } = this.#around;
    let told = 0;
    return new Promise((resolve, reject) => {
      const broken = (reason: string): void => {
        reject(new Error(`map: ${reason}`));
        if (told > 0) link.close();
      };
      const reader = new MapReader(index, indexes, openFrame, {
        onChange: (change) => onChange(index, change),
        onMessage: (message) => {
          if (attempt !== this.#attempt) return;
          if (told++ === 0) this.#began(reader, message);
          if (this.#kind === 'resuming') this.#memory.take(message);
          if (this.#reader === reader && this.wholeAt === undefined && reader.peers >= peers) {
            this.wholeAt = monotonicMs();
            onWhole();
          }
          if (told === 1) resolve();
        },
      });
      link.http.post('/machine/map', this.#mapRequest(true), {
        onStatus: (status) => status !== 200 && broken(`status ${status}`),
        onData: (bytes) => {
          try {
            reader.take(bytes);
          } catch (error) {
            broken(error instanceof Error ? error.message : String(error));
          }
        },
        onEnd: () => broken('the stream ended'),
      });
    });
  }

  #began(reader: MapReader, firstMessage: Buffer): void {
    this.isResumed = this.#kind === 'resuming' && this.#memory.isResumed(firstMessage);
    if (this.isResumed && this.#former !== undefined) reader.include(this.#former);
    this.#former = undefined;
    this.#reader = reader;
  }

  #update(link: Link): boolean {
    const ignore = (): void => undefined;
    try {
      link.http.post('/machine/map', this.#mapRequest(false), {
        onStatus: (status) => {
          if (status !== 200) this.#around.onBroken(`update: status ${status}`);
        },
        onData: ignore,
        onEnd: ignore,
      });
      return true;
    } catch (error) {
      this.#around.onBroken(`update: ${error instanceof Error ? error.message : 'unknown'}`);
      return false;
    }
  }

  #mapRequest(isStream: boolean): string {
    const { index } = this.#member;
    const outside = `203.0.${(index >> 8) & 255}.${index & 255}:41641`;
    return JSON.stringify({
      Version: STOCK_VERSION,
      Compress: 'zstd',
      KeepAlive: true,
      NodeKey: nodeKeyOf(index),
      DiscoKey: discoKeyOf(index),
      ...(isStream ? { Stream: true } : { OmitPeers: true }),
      Hostinfo: hostInfoOf(index),
      Endpoints: [this.#endpoint, outside],
      EndpointTypes: [LOCAL, STUN],
      ...(isStream && this.#kind === 'resuming' ? this.#memory.requestFields() : {}),
    });
  }

  #lost(attempt: number, reason: string): void {
    if (attempt !== this.#attempt || this.#link === undefined) return;
    this.#link = undefined;
    void this.#comeBack(new Error(reason));
  }

  async #comeBack(error: Error): Promise<void> {
    await this.#pause(error);
    // It was a member: there is nothing that it could be refused for.
    await this.join().catch((refusal: unknown) => this.#around.onBroken(String(refusal)));
  }

  async #pause(error: unknown): Promise<void> {
    this.#around.onBroken(error instanceof Error ? error.message : String(error));
    this.#failures++;
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_UNIT_MS * this.#failures ** 2);
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
  }
}

function ask(link: Link, path: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    let [status, text] = [0, ''];
    link.http.post(path, body, {
      onStatus: (told) => {
        status = told;
      },
      onData: (bytes) => {
        text += bytes.toString();
      },
      onEnd: (isWhole) => {
        if (isWhole) resolve({ status, text });
        else reject(new Error(`${path}: not answered`));
      },
    });
  });
}

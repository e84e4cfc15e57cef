/** A member of a network for tests of this folder: a real ControlRunner whose outputs can be waited for. */

import { parseAuthKey } from '@warren/core/control/auth-key';
import type { ControlClientOutput } from '@warren/core/control/io';
import {
  type DiscoKey,
  generatePrivateKey,
  type MachinePrivateKey,
  type NodePrivateKey,
  publicKeyOf,
} from '@warren/core/keys/keys';
import type { Netmap } from '@warren/core/netmap/types';
import { systemClock } from '@warren/shell/clock';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';
import type { NodeError } from '../errors.js';
import { ControlRunner, type ControlRunnerOptions } from './control-runner.js';

const crypto = createNodeCrypto();
const random = createNodeRandom();
/** Everything in these tests takes milliseconds; a busy machine gets this. */
const WAIT_MS = 20_000;

export type TestMemberOptions = Partial<
  Pick<ControlRunnerOptions, 'machinePrivateKey' | 'nodePrivateKey' | 'pins' | 'hostName'>
>;

export class TestMember {
  readonly machinePrivateKey: MachinePrivateKey;
  readonly discoKey: DiscoKey;
  readonly outputs: ControlClientOutput[] = [];
  readonly troubles: NodeError[] = [];
  connections = 0;
  nodePrivateKey: NodePrivateKey | undefined;
  netmap: Netmap | undefined;
  readonly runner: ControlRunner;
  readonly #watchers = new Set<() => void>();

  constructor(url: string, options: TestMemberOptions = {}) {
    this.machinePrivateKey = options.machinePrivateKey ?? generatePrivateKey('machine', random);
    this.nodePrivateKey = options.nodePrivateKey;
    this.discoKey = publicKeyOf(crypto, 'disco', generatePrivateKey('disco', random));
    this.runner = new ControlRunner(
      {
        crypto,
        random,
        clock: systemClock,
        log: silentLogger,
        url,
        pins: options.pins,
        machinePrivateKey: this.machinePrivateKey,
        nodePrivateKey: options.nodePrivateKey,
        discoKey: this.discoKey,
        hostName: options.hostName ?? 'member',
      },
      {
        onOutput: (output) => this.#take(output),
        onTrouble: (error) => {
          this.troubles.push(error);
          this.#notify();
        },
        onConnected: () => {
          this.connections++;
          this.#notify();
        },
      },
    );
  }

  /** Logs in with an auth key and trusts what the key pins. */
  static join(url: string, authKey: string, options: TestMemberOptions = {}): TestMember {
    const member = new TestMember(url, { pins: parseAuthKey(authKey)?.pins, ...options });
    member.runner.handle({ type: 'login', authKey });
    return member;
  }

  all<Type extends ControlClientOutput['type']>(
    type: Type,
  ): Extract<ControlClientOutput, { type: Type }>[] {
    type Wanted = Extract<ControlClientOutput, { type: Type }>;
    return this.outputs.filter((output): output is Wanted => output.type === type);
  }

  get state(): string | undefined {
    return this.all('state').at(-1)?.state;
  }

  /** Waits until `holds`; rejects with what is the case instead. */
  async until(what: string, holds: () => boolean): Promise<this> {
    if (holds()) return this;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#watchers.delete(look);
        const last = JSON.stringify(this.outputs.slice(-3), (_, value: unknown) =>
          value instanceof Map ? [...value] : value,
        );
        const troubles = this.troubles.map((error) => `${error.code}: ${error.message}`).slice(-3);
        reject(new Error(`not ${what} within ${WAIT_MS} ms; ${last}; ${troubles.join('; ')}`));
      }, WAIT_MS);
      const look = (): void => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
    });
    return this;
  }

  running(): Promise<this> {
    return this.until('running', () => this.state === 'Running' && this.netmap !== undefined);
  }

  seesPeers(count: number): Promise<this> {
    return this.until(`seeing ${count} peers`, () => this.netmap?.peers.size === count);
  }

  close(): void {
    this.runner.close();
  }

  #take(output: ControlClientOutput): void {
    this.outputs.push(output);
    if (output.type === 'netmap') this.netmap = output.netmap;
    if (output.type === 'node-key') this.nodePrivateKey = output.nodeKey;
    this.#notify();
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

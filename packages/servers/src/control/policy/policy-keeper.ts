/**
 * The policy that holds: that of the file, as last accepted; without a file, that of the database, which operators set.
 *
 *     start   file good               it holds, and is kept in the database
 *             file bad, one kept      the kept one holds; the log and `policy status` say why
 *             file bad, none kept     the server does not start
 *             no file, one kept       the kept one holds, until another is set
 *             no file, none kept      everybody may talk to everybody
 *     later   file changed, good      it holds
 *             file changed, bad       the old one holds; the log and `policy status` say why
 *
 * So neither a mistake in the file nor a start without it opens the network, or takes one down that ran.
 */
import { formatRfc3339 } from '@warren/core/base/rfc3339';
import type { TailnetId } from '@warren/core/control/server/state';
import { CompiledPolicy } from '@warren/core/policy/compiled-policy';
import type { Clock } from '@warren/shell/clock';
import type { Logger } from '@warren/shell/log';
import { ControlError } from '../../errors.js';
import { WatchedFile } from '../../watched-file.js';
import type { PolicyCheckInfo, PolicyInfo } from '../admin-types.js';
import type { ControlDatabase } from '../database/control-database.js';
import type { StoredPolicy } from '../database/policy-table.js';
import { type CheckedNetwork, checkPolicy, problemLines, warningsOf } from './check-policy.js';
import { loadPolicy, parsePolicy } from './parse-policy.js';

/** Of errors about the text in the database. */
const STORED_NAME = 'the policy in the database';
/** Of errors about a text that somebody sends to be checked. */
const CHECKED_NAME = 'policy';

export interface PolicyKeeperOptions {
  /** Undefined: the policy is in the database alone. */
  readonly file: string | undefined;
  readonly tailnet: TailnetId;
  readonly database: Pick<ControlDatabase, 'readPolicy' | 'writePolicy'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The network as it is, for tests that name addresses. */
  readonly network: () => CheckedNetwork;
}

interface HeldPolicy extends StoredPolicy {
  readonly compiled: CompiledPolicy;
}

export class PolicyKeeper {
  readonly #options: PolicyKeeperOptions;
  readonly #file: WatchedFile<HeldPolicy> | undefined;
  /** Without a file; undefined: there is none. */
  #set: HeldPolicy | undefined;
  #onPolicy: (policy: CompiledPolicy | undefined) => void = () => undefined;

  /** Throws FileError, CONFIG_INVALID or POLICY_TESTS: there is no policy to go by. */
  constructor(options: PolicyKeeperOptions) {
    this.#options = options;
    const { file, log } = options;
    if (file === undefined) {
      this.#set = this.#stored();
      if (this.#set !== undefined) log.info('the policy of the database holds');
      return;
    }
    this.#file = new WatchedFile({
      path: file,
      what: 'the rules of the policy',
      parse: (path, bytes) => this.#load(path, bytes),
      log,
      fallback: () => this.#stored(),
    });
    this.#keep(this.#file.value);
  }

  /** Undefined: everybody may talk to everybody. */
  get compiled(): CompiledPolicy | undefined {
    return this.#held?.compiled;
  }

  /** `onPolicy` hears of every change. */
  watch(onPolicy: (policy: CompiledPolicy | undefined) => void): void {
    this.#onPolicy = onPolicy;
    this.#file?.watch((held) => {
      this.#keep(held);
      onPolicy(held.compiled);
    });
  }

  /** Makes a text the policy, once it is kept. Throws CONFIG_INVALID, POLICY_TESTS, POLICY_IN_FILE or FileError. */
  set(text: string): void {
    this.#checkNoFile();
    const held = this.#load(CHECKED_NAME, new TextEncoder().encode(text));
    this.#hold(held);
  }

  /** Forgets the policy. Throws POLICY_IN_FILE or FileError. */
  clear(): void {
    this.#checkNoFile();
    this.#hold(undefined);
  }

  close(): void {
    this.#file?.close();
  }

  info(): PolicyInfo {
    const { file } = this.#options;
    const held = this.#held;
    const problem = this.#file?.problem;
    const policy = held?.compiled.policy;
    return {
      file: file ?? null,
      acceptedAt: held === undefined ? null : formatRfc3339(held.acceptedAt),
      text: held?.text ?? null,
      problems: problem === undefined ? [] : problemLines(file ?? '', problem),
      rules: policy?.rules.length ?? 0,
      groups: policy?.groups.size ?? 0,
      tags: policy?.tagOwners.size ?? 0,
      sshRules: policy?.ssh.length ?? 0,
      tests: (policy?.tests.length ?? 0) + (policy?.sshTests.length ?? 0),
      warnings: policy === undefined ? [] : warningsOf(policy, this.#options.network()),
    };
  }

  /** What would become of a text, in the network as it is. */
  check(text: string): PolicyCheckInfo {
    return checkPolicy(CHECKED_NAME, new TextEncoder().encode(text), this.#options.network());
  }

  get #held(): HeldPolicy | undefined {
    return this.#file?.value ?? this.#set;
  }

  #checkNoFile(): void {
    const { file } = this.#options;
    if (file === undefined) return;
    throw new ControlError(
      'POLICY_IN_FILE',
      `the policy is that of ${file}`,
      'Change the file: it is read within a second. Or start the hub without --policy-file: the policy stays and is set here then.',
    );
  }

  #hold(held: HeldPolicy | undefined): void {
    const { database, tailnet } = this.#options;
    const stored = held && { text: held.text, acceptedAt: held.acceptedAt };
    database.writePolicy(tailnet, stored);
    this.#set = held;
    this.#onPolicy(held?.compiled);
  }

  #load(path: string, bytes: Uint8Array): HeldPolicy {
    const { clock, network } = this.#options;
    const compiled = loadPolicy(path, bytes, network().nodes);
    return { compiled, text: new TextDecoder().decode(bytes), acceptedAt: clock.wall() };
  }

  /** What was accepted last; its tests passed then, and machines may have come since. */
  #stored(): HeldPolicy | undefined {
    const { database, tailnet } = this.#options;
    const stored = database.readPolicy(tailnet);
    if (stored === undefined) return undefined;
    const policy = parsePolicy(STORED_NAME, new TextEncoder().encode(stored.text));
    return { ...stored, compiled: new CompiledPolicy(policy) };
  }

  #keep({ text, acceptedAt }: HeldPolicy): void {
    const { database, tailnet, log } = this.#options;
    if (database.readPolicy(tailnet)?.text === text) return;
    try {
      database.writePolicy(tailnet, { text, acceptedAt });
    } catch (error) {
      // It holds all the same; only a start with a broken file would miss it.
      log.error('the policy could not be kept in the database', { error });
    }
  }
}

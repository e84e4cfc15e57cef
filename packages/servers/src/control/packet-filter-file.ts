/**
 * The packet filter as an operator writes it, until there are policies: HuJSON, one object.
 *
 *     {
 *       "rules": [
 *         // Machines reach the web server and may ping it; its answers come back without a rule.
 *         { "from": ["*"], "to": ["100.64.0.2:80", "[fd7a:115c:a1e0::2]:80,443"] },
 *         { "from": ["100.64.0.1", "100.64.1.0/24"], "to": ["*:22", "*:6000-6063"], "protocols": ["tcp"] },
 *       ],
 *     }
 *
 * `from`: an address, a prefix, a range `a-b`, or `*` for all of the network. `to`: the same, where `*` is any
 * address, and after a colon the ports: `*`, numbers, ranges. `protocols`: tcp, udp, icmp, icmpv6, sctp or
 * numbers; left out: the first four. What no rule allows is dropped. Without the file everybody may talk.
 *
 * The file is looked at once a second. A change that makes no sense is told in the log, and the rules stay.
 */
import { statSync } from 'node:fs';
import { WarrenError } from '@warren/core/base/errors';
import { ALLOW_NETWORK } from '@warren/core/control/server/view';
import { PROTOCOL } from '@warren/core/engines/filter-rule';
import { parseFilterAddress } from '@warren/core/netmap/decode-filter';
import type { WireFilterRule } from '@warren/core/netmap/wire';
import { type ConfigValue, parseHujson } from '@warren/shell/config/hujson';
import { readFileStrict } from '@warren/shell/files/atomic-file';
import type { Logger } from '@warren/shell/log';

/** Soon enough for who saves the file and looks; a stat call costs microseconds. */
const LOOK_MS = 1000;
/** What clients take. */
const RULES_MAX = 10_000;
const PORT_MAX = 65_535;
const PROTOCOL_MAX = 255;

type WireTarget = NonNullable<WireFilterRule['DstPorts']>[number];

function readSource(value: ConfigValue): readonly string[] {
  const text = value.text();
  if (text === '*') return ALLOW_NETWORK.flatMap(({ SrcIPs }) => SrcIPs);
  if (parseFilterAddress(text) !== undefined) return [text];
  throw value.error('an address, a prefix without host bits, a range a-b or * is expected here');
}

function readPorts(value: ConfigValue, text: string): WireTarget['Ports'] {
  if (text === '*') return { First: 0, Last: PORT_MAX };
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const First = Number(match?.[1]);
  const Last = Number(match?.[2] ?? match?.[1]);
  if (First <= Last && Last <= PORT_MAX) return { First, Last };
  throw value.error(`"${text}" are no ports: use *, 22, 80,443 or 6000-6063`);
}

function readTarget(value: ConfigValue): readonly WireTarget[] {
  const text = value.text();
  const match = /^(?:\[([^\]]+)\]|([^:]+)):([^:]+)$/.exec(text);
  const IP = match?.[1] ?? match?.[2] ?? '';
  if (match === null || parseFilterAddress(IP) === undefined) {
    throw value.error('ADDRESS:PORTS is expected here, such as 100.64.0.2:22, [fd7a::2]:* or *:80');
  }
  const ports = (match[3] ?? '').split(',');
  return ports.map((part) => ({ IP, Ports: readPorts(value, part) }));
}

function readProtocol(value: ConfigValue): number {
  const text = value.text();
  const named = Object.entries(PROTOCOL).find(([name]) => name === text);
  const number = named?.[1] ?? (/^\d{1,3}$/.test(text) ? Number(text) : Number.NaN);
  if (number <= PROTOCOL_MAX) return number;
  throw value.error(`use ${Object.keys(PROTOCOL).join(', ')} or a number up to ${PROTOCOL_MAX}`);
}

function readRule(value: ConfigValue): WireFilterRule {
  const fields = value.fields(['from', 'to', 'protocols']);
  const list = (name: 'from' | 'to'): readonly ConfigValue[] => {
    const entries = fields.get(name)?.list() ?? [];
    if (entries.length === 0) throw value.error(`a rule needs a list "${name}" that is not empty`);
    return entries;
  };
  const protocols = fields.get('protocols')?.list().map(readProtocol) ?? [];
  return {
    SrcIPs: [...new Set(list('from').flatMap(readSource))],
    DstPorts: list('to').flatMap(readTarget),
    ...(protocols.length === 0 ? {} : { IPProto: protocols }),
  };
}

/** The rules of a file's content; `path` is for errors. Throws CONFIG_INVALID, naming the line. */
export function parsePacketFilter(path: string, bytes: Uint8Array): readonly WireFilterRule[] {
  const root = parseHujson(path, bytes);
  const rules = root.fields(['rules']).get('rules');
  if (rules === undefined)
    throw root.error('a list "rules" is missing; an empty one lets nobody in');
  const list = rules.list();
  if (list.length > RULES_MAX) throw rules.error(`clients take at most ${RULES_MAX} rules`);
  return list.map(readRule);
}

/** A file that is read now and again whenever it changes. */
export class PacketFilterFile {
  readonly #path: string;
  readonly #log: Logger;
  #rules: readonly WireFilterRule[];
  /** What the file looked like before it was read last. */
  #seen: string;
  #timer: NodeJS.Timeout | undefined;

  /** Reads it; throws FileError or CONFIG_INVALID. */
  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#seen = appearanceOf(path);
    this.#rules = this.#read();
  }

  /** As last read well. */
  get rules(): readonly WireFilterRule[] {
    return this.#rules;
  }

  /** `onRules` hears of every change since it was read first. */
  watch(onRules: (rules: readonly WireFilterRule[]) => void): void {
    this.#timer = setInterval(() => {
      const seen = appearanceOf(this.#path);
      if (seen === this.#seen) return;
      this.#seen = seen;
      if (this.#readAgain()) onRules(this.#rules);
    }, LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #read(): readonly WireFilterRule[] {
    return parsePacketFilter(this.#path, readFileStrict(this.#path, 'the packet filter'));
  }

  /** False: it makes no sense. */
  #readAgain(): boolean {
    try {
      this.#rules = this.#read();
    } catch (error) {
      if (!(error instanceof WarrenError)) throw error;
      this.#log.error('the packet filter stays as it was', {
        code: error.code,
        reason: error.message,
      });
      return false;
    }
    this.#log.info('packet filter read', { path: this.#path, rules: this.#rules.length });
    return true;
  }
}

/** Changes with the file; the same as long as it is missing, or out of reach for the same reason. */
function appearanceOf(path: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return String(error);
  }
}

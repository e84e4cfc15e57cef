/**
 * `acls` and `grants` of a policy file.
 *
 *     acls    {action: "accept", src: [WHO], dst: ["WHOM:PORTS"], proto?}
 *     grants  {src: [WHO], dst: [WHOM], ip?: ["*", "443", "tcp:80,443", "udp:*"], app?: {"domain/cap/name": [values]}}
 */
import type { JsonValue } from '@warren/core/base/json';
import { ALL_PORTS, type PortRange } from '@warren/core/engines/filter-rule';
import type { AccessRule, Allowance } from '@warren/core/policy/policy';
import type { Selector, SelectorNames } from '@warren/core/policy/selector';
import type { ConfigValue } from '@warren/shell/config/hujson';
import { boundedList, readSelector, readSelectors } from './policy-names.js';

type Kind = Selector['kind'];

/** What clients take. */
const RULES_MAX = 10_000;
/** Values of all capabilities of a grant go to every client that it concerns. */
const CAPABILITY_CHARACTERS_MAX = 16_384;
const PROTOCOL_MAX = 255;

/** Those that mean machines wherever they stand in a policy. */
export const MACHINES: readonly Kind[] = [
  'any',
  'user',
  'group',
  'tag',
  'addresses',
  'member',
  'tagged',
];
export const SOURCES: readonly Kind[] = [...MACHINES, 'danger-all'];
const TARGETS: readonly Kind[] = [...MACHINES, 'self', 'internet'];
/** Whose machines may be "own" ones. */
export const USERS: readonly Kind[] = ['user', 'group', 'member'];

const NO_PROTOCOLS: Allowance['protocols'] = undefined;

/** IP protocols by name (IANA). */
const PROTOCOLS: Readonly<Record<string, readonly number[]>> = {
  icmp: [1],
  igmp: [2],
  ipv4: [4],
  'ip-in-ip': [4],
  tcp: [6],
  egp: [8],
  igp: [9],
  udp: [17],
  gre: [47],
  esp: [50],
  ah: [51],
  'ipv6-icmp': [58],
  sctp: [132],
  fc: [133],
};
/** TCP, UDP, SCTP. */
const WITH_PORTS: readonly number[] = [6, 17, 132];

export function readProtocol(value: ConfigValue, text: string = value.text()): readonly number[] {
  const named = Object.hasOwn(PROTOCOLS, text) ? PROTOCOLS[text] : undefined;
  if (named !== undefined) return named;
  if (/^\d{1,3}$/.test(text) && Number(text) <= PROTOCOL_MAX) return [Number(text)];
  const names = Object.keys(PROTOCOLS).join(', ');
  throw value.error(`"${text}" is no protocol: use ${names} or a number up to ${PROTOCOL_MAX}`);
}

function readPortRange(value: ConfigValue, text: string): PortRange {
  if (text === '*') return ALL_PORTS;
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (first <= last && last <= ALL_PORTS.last) return { first, last };
  throw value.error(`"${text}" are no ports: use *, 22, 80,443 or 6000-6063`);
}

function readPorts(value: ConfigValue, text: string): readonly PortRange[] {
  return text.split(',').map((part) => readPortRange(value, part.trim()));
}

/** Ports mean nothing to other protocols; a rule that names some would seem to narrow what it doesn't. */
function checkPorts(
  value: ConfigValue,
  protocols: readonly number[] | undefined,
  ports: readonly PortRange[],
): void {
  const isAll = ports.every(({ first, last }) => first === 0 && last === ALL_PORTS.last);
  if (isAll || protocols === undefined || protocols.every((one) => WITH_PORTS.includes(one)))
    return;
  throw value.error('only tcp, udp and sctp have ports: use * here');
}

/** `WHOM:PORTS`, IPv6 addresses in brackets. */
export function splitTarget(value: ConfigValue): { readonly whom: string; readonly ports: string } {
  const text = value.text();
  const bracketed = /^\[([^\]]+)\](\/\d+)?:([^:]+)$/.exec(text);
  if (bracketed !== null) {
    return { whom: `${bracketed[1] ?? ''}${bracketed[2] ?? ''}`, ports: bracketed[3] ?? '' };
  }
  const colon = text.lastIndexOf(':');
  const [whom, ports] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
  const isNamed = /^(tag|group|autogroup)$/.test(whom);
  if (whom === '' || ports === '' || isNamed) {
    throw value.error(`"${text}" has no ports: write WHOM:PORTS, such as tag:web:80,443 or *:*`);
  }
  if (/^[0-9a-fA-F:]*::?[0-9a-fA-F:./]*$/.test(whom)) {
    throw value.error(`write an IPv6 address in brackets: [${whom}]:${ports}`);
  }
  return { whom, ports };
}

/** `autogroup:self` means the source's own machines: the source has to be somebody. */
function checkSelf(
  value: ConfigValue,
  sources: readonly Selector[],
  targets: readonly Selector[],
): void {
  if (!targets.some(({ kind }) => kind === 'self')) return;
  if (sources.every(({ kind }) => USERS.includes(kind))) return;
  throw value.error('autogroup:self goes with users, groups and autogroup:member in "src" only');
}

function readAcl(value: ConfigValue, names: SelectorNames): readonly AccessRule[] {
  const fields = value.fields(['action', 'src', 'dst', 'proto']);
  const [action, src, dst, proto] = [
    fields.get('action'),
    fields.get('src'),
    fields.get('dst'),
    fields.get('proto'),
  ];
  if (action === undefined || src === undefined || dst === undefined) {
    throw value.error('a rule needs "action": "accept", "src" and "dst"');
  }
  if (action.text() !== 'accept') {
    throw action.error('"accept" is the only action: what no rule accepts is dropped');
  }
  const sources = readSelectors(src, names, SOURCES);
  const protocols = proto === undefined || proto.text() === '' ? NO_PROTOCOLS : readProtocol(proto);
  const list = boundedList(dst);
  if (list.length === 0) throw dst.error('an empty "dst" reaches nothing: name a target');
  // A rule per set of ports.
  const byPorts = new Map<string, { targets: Selector[]; ports: readonly PortRange[] }>();
  for (const entry of list) {
    const { whom, ports: text } = splitTarget(entry);
    const target = readSelector(entry, names, TARGETS, whom);
    const ports = readPorts(entry, text);
    checkPorts(entry, protocols, ports);
    checkSelf(entry, sources, [target]);
    const part = byPorts.get(text);
    if (part === undefined) byPorts.set(text, { targets: [target], ports });
    else part.targets.push(target);
  }
  return [...byPorts.values()].map(({ targets, ports }) => ({
    line: value.line,
    sources,
    targets,
    allows: [{ protocols, ports }],
    capabilities: new Map(),
  }));
}

function readAllowance(value: ConfigValue): Allowance {
  const text = value.text();
  const colon = text.indexOf(':');
  const protocols = colon < 0 ? NO_PROTOCOLS : readProtocol(value, text.slice(0, colon));
  const ports = readPorts(value, text.slice(colon + 1));
  checkPorts(value, protocols, ports);
  return { protocols, ports };
}

function readCapabilities(value: ConfigValue): ReadonlyMap<string, readonly JsonValue[]> {
  const capabilities = new Map<string, readonly JsonValue[]>();
  for (const { name, value: values } of value.entries()) {
    if (!/^(https:\/\/)?[a-z0-9][a-z0-9.-]*\.[a-z]+\/[A-Za-z0-9/_.-]{1,190}$/.test(name.text())) {
      throw name.error(`"${name.text()}" is no capability: write domain/cap/name`);
    }
    const list = boundedList(values).map((entry) => entry.json() as JsonValue);
    if (JSON.stringify(list).length > CAPABILITY_CHARACTERS_MAX) {
      throw values.error(`at most ${CAPABILITY_CHARACTERS_MAX} characters are taken here`);
    }
    capabilities.set(name.text(), list);
  }
  return capabilities;
}

function readGrant(value: ConfigValue, names: SelectorNames): AccessRule {
  const fields = value.fields(['src', 'dst', 'ip', 'app', 'via']);
  const [src, dst, ip, app, via] = [
    ...[fields.get('src'), fields.get('dst')],
    ...[fields.get('ip'), fields.get('app'), fields.get('via')],
  ];
  if (src === undefined || dst === undefined) throw value.error('a grant needs "src" and "dst"');
  if (via !== undefined) {
    throw via.error('"via" is not served here: peers choose routes by themselves; take it out');
  }
  const sources = readSelectors(src, names, SOURCES);
  const targets = readSelectors(dst, names, TARGETS);
  checkSelf(dst, sources, targets);
  const allows = ip === undefined ? [] : boundedList(ip).map(readAllowance);
  const capabilities = app === undefined ? new Map<string, JsonValue[]>() : readCapabilities(app);
  if (allows.length === 0 && capabilities.size === 0) {
    throw value.error('a grant needs "ip" or "app" that is not empty: without, it grants nothing');
  }
  return { line: value.line, sources, targets, allows, capabilities };
}

export function readAcls(value: ConfigValue, names: SelectorNames): readonly AccessRule[] {
  return boundedList(value, RULES_MAX).flatMap((entry) => readAcl(entry, names));
}

export function readGrants(value: ConfigValue, names: SelectorNames): readonly AccessRule[] {
  return boundedList(value, RULES_MAX).map((entry) => readGrant(entry, names));
}

/**
 * `ssh`, `sshTests` and `tests` of a policy file.
 *
 *     ssh       {action: "accept" | "check", src: [WHO], dst: [WHOM], users: [NAME], checkPeriod?: "12h", acceptEnv?}
 *     sshTests  {src: WHO, dst: [WHOM], accept?: [NAME], check?: [NAME], deny?: [NAME]}
 *     tests     {src: WHO, proto?, accept?: ["WHOM:PORT"], deny?: ["WHOM:PORT"]}
 */
import type {
  CheckPeriod,
  PolicyTest,
  SshRule,
  SshTest,
  TestTarget,
} from '@warren/core/policy/policy';
import type { Selector, SelectorNames } from '@warren/core/policy/selector';
import type { ConfigValue } from '@warren/shell/config/hujson';
import { readProtocol, splitTarget, USERS } from './parse-rules.js';
import { boundedList, readSelector, readSelectors } from './policy-names.js';

type Kind = Selector['kind'];

const RULES_MAX = 1000;
const NAMES_MAX = 256;
const SSH_SOURCES: readonly Kind[] = ['user', 'group', 'tag', 'member', 'tagged'];
const SSH_TARGETS: readonly Kind[] = ['user', 'tag', 'self', 'member', 'tagged'];
const TEST_SOURCES: readonly Kind[] = ['user', 'group', 'tag', 'addresses', 'member', 'tagged'];
const TEST_TARGETS: readonly Kind[] = ['user', 'group', 'tag', 'addresses', 'member', 'tagged'];

const HOUR_MS = 3_600_000;
const CHECK_DEFAULT_MS = 12 * HOUR_MS;
const CHECK_MIN_MS = 60_000;
const CHECK_MAX_MS = 7 * 24 * HOUR_MS;

/** Login names as Unix systems have them. */
const LOGIN = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?$/;
const LOCAL_PART = /^localpart:\*@[A-Za-z0-9.-]{1,190}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_*?]{0,127}$/;

function readNames(
  value: ConfigValue | undefined,
  isName: (text: string) => boolean,
  what: string,
): readonly string[] {
  return (value === undefined ? [] : boundedList(value, NAMES_MAX)).map((entry) => {
    if (isName(entry.text())) return entry.text();
    throw entry.error(`"${entry.text()}" is no ${what}`);
  });
}

function readCheckPeriod(value: ConfigValue | undefined): CheckPeriod {
  if (value === undefined) return { ms: CHECK_DEFAULT_MS };
  const text = value.text();
  if (text === 'always') return 'always';
  const match = /^(\d{1,6})(m|h|d)$/.exec(text);
  const unitMs = { m: 60_000, h: HOUR_MS, d: 24 * HOUR_MS }[match?.[2] ?? ''] ?? Number.NaN;
  const ms = Number(match?.[1]) * unitMs;
  if (ms >= CHECK_MIN_MS && ms <= CHECK_MAX_MS) return { ms };
  throw value.error('write a time from 1m to 168h, such as 12h, or always');
}

const isKind =
  (kinds: readonly Kind[]) =>
  (selector: Selector): boolean =>
    kinds.includes(selector.kind);

/** Machines with tags are nobody's: they may not become somebody on a user's machine. */
function checkEnds(
  dst: ConfigValue,
  sources: readonly Selector[],
  targets: readonly Selector[],
): void {
  const isPerson = isKind(USERS);
  if (targets.some(isKind(['self'])) && !sources.every(isPerson)) {
    throw dst.error('autogroup:self goes with users, groups and autogroup:member in "src" only');
  }
  if (targets.some(isKind(['user', 'member'])) && !sources.every(isPerson)) {
    throw dst.error('tagged machines may not log in on users\' machines: use tags in "dst"');
  }
  for (const target of targets) {
    if (target.kind !== 'user') continue;
    if (sources.every((source) => source.kind === 'user' && source.user === target.user)) continue;
    throw dst.error(
      `only ${target.user} may log in on machines of ${target.user}: use autogroup:self`,
    );
  }
}

function readSshRule(value: ConfigValue, names: SelectorNames): SshRule {
  const fields = value.fields(['action', 'src', 'dst', 'users', 'checkPeriod', 'acceptEnv']);
  const [action, src, dst, users] = [
    fields.get('action'),
    fields.get('src'),
    fields.get('dst'),
    fields.get('users'),
  ];
  if (action === undefined || src === undefined || dst === undefined || users === undefined) {
    throw value.error('an ssh rule needs "action", "src", "dst" and "users"');
  }
  const word = action.text();
  if (word !== 'accept' && word !== 'check') throw action.error('use "accept" or "check"');
  const period = fields.get('checkPeriod');
  if (period !== undefined && word !== 'check')
    throw period.error('"checkPeriod" goes with "check"');
  const sources = readSelectors(src, names, SSH_SOURCES);
  const targets = readSelectors(dst, names, SSH_TARGETS);
  checkEnds(dst, sources, targets);
  const logins = readNames(
    users,
    (text) => text === 'autogroup:nonroot' || LOGIN.test(text) || LOCAL_PART.test(text),
    'login name: use root, autogroup:nonroot, localpart:*@domain or a name',
  );
  if (logins.length === 0) throw users.error('an empty list lets nobody in: name a login');
  return {
    line: value.line,
    action: word,
    sources,
    targets,
    users: logins,
    checkPeriod: readCheckPeriod(period),
    acceptEnv: readNames(
      fields.get('acceptEnv'),
      (text) => VARIABLE.test(text),
      'name of a variable',
    ),
  };
}

function readTestTarget(value: ConfigValue, names: SelectorNames): TestTarget {
  const { whom, ports } = splitTarget(value);
  const port = /^\d{1,5}$/.test(ports) ? Number(ports) : Number.NaN;
  if (!(port >= 1 && port <= 65_535))
    throw value.error('a test names one port, such as tag:web:443');
  return {
    line: value.line,
    text: value.text(),
    selector: readSelector(value, names, TEST_TARGETS, whom),
    port,
  };
}

function readTest(value: ConfigValue, names: SelectorNames): PolicyTest {
  const fields = value.fields(['src', 'proto', 'accept', 'deny']);
  const [src, proto] = [fields.get('src'), fields.get('proto')];
  if (src === undefined) throw value.error('a test needs "src"');
  const targets = (name: 'accept' | 'deny'): readonly TestTarget[] => {
    const list = fields.get(name);
    return list === undefined ? [] : boundedList(list).map((entry) => readTestTarget(entry, names));
  };
  const test: PolicyTest = {
    line: value.line,
    source: readSelector(src, names, TEST_SOURCES),
    protocol: proto === undefined || proto.text() === '' ? undefined : readProtocol(proto)[0],
    accept: targets('accept'),
    deny: targets('deny'),
  };
  if (test.accept.length + test.deny.length > 0) return test;
  throw value.error('a test needs "accept" or "deny": as it is, it tests nothing');
}

function readSshTest(value: ConfigValue, names: SelectorNames): SshTest {
  const fields = value.fields(['src', 'dst', 'accept', 'check', 'deny']);
  const [src, dst] = [fields.get('src'), fields.get('dst')];
  if (src === undefined || dst === undefined) throw value.error('a test needs "src" and "dst"');
  const logins = (name: 'accept' | 'check' | 'deny'): readonly string[] =>
    readNames(fields.get(name), (text) => LOGIN.test(text), 'login name');
  const test: SshTest = {
    line: value.line,
    source: readSelector(src, names, SSH_SOURCES),
    targets: readSelectors(dst, names, SSH_TARGETS),
    accept: logins('accept'),
    check: logins('check'),
    deny: logins('deny'),
  };
  if (test.accept.length + test.check.length + test.deny.length > 0) return test;
  throw value.error('a test needs "accept", "check" or "deny": as it is, it tests nothing');
}

export function readSsh(value: ConfigValue, names: SelectorNames): readonly SshRule[] {
  return boundedList(value, RULES_MAX).map((entry) => readSshRule(entry, names));
}

export function readTests(value: ConfigValue, names: SelectorNames): readonly PolicyTest[] {
  return boundedList(value, RULES_MAX).map((entry) => readTest(entry, names));
}

export function readSshTests(value: ConfigValue, names: SelectorNames): readonly SshTest[] {
  return boundedList(value, RULES_MAX).map((entry) => readSshTest(entry, names));
}

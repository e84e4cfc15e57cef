import type { IpAddress } from '@warren/core/ip/address';
import type { Prefix } from '@warren/core/ip/prefix';
import type { AccessNode } from '@warren/core/policy/access-node';
import { AccessTable } from '@warren/core/policy/access-table';
import { CompiledPolicy } from '@warren/core/policy/compiled-policy';
import { autoApproves, mayRetag, mayTag } from '@warren/core/policy/ownership';
import type { Policy } from '@warren/core/policy/policy';
import { sshPolicyOf } from '@warren/core/policy/ssh-rules';
import { describe, expect, test } from 'vitest';
import { loadPolicy, parsePolicy } from './parse-policy.js';

const parse = (text: string): Policy => parsePolicy('p.hujson', Buffer.from(text));

function problem(text: string): string {
  try {
    loadPolicy('p.hujson', Buffer.from(text));
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return 'none';
}

const WHOLE = `{
  // who is who
  "groups": { "group:dev": ["Ann@Example.net", "group:ops"], "group:ops": ["bob@"] },
  "hosts": { "printer": "100.64.0.7", "office": "10.1.0.0/16" },
  "tagOwners": { "tag:web": ["group:dev"], "tag:db": ["tag:web", "eve@"], "tag:none": [] },
  "acls": [
    { "action": "accept", "src": ["group:dev"], "dst": ["tag:web:80,443", "printer:631", "tag:db:80,443"] },
    { "action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self:*"], "proto": "" },
    { "action": "accept", "src": ["tag:web"], "dst": ["[fd7a:115c:a1e0::9]:53", "office:*"], "proto": "udp" },
  ],
  "grants": [
    { "src": ["eve@"], "dst": ["tag:db"], "ip": ["tcp:5432", "icmp:*", "9000-9100"] },
    { "src": ["*"], "dst": ["tag:web"], "app": { "example.com/cap/a": [{ "role": "reader" }] } },
  ],
  "autoApprovers": { "routes": { "10.0.0.0/8": ["tag:web", "eve@"] }, "exitNode": ["bob@"] },
  "ssh": [
    { "action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["autogroup:nonroot", "root"] },
    { "action": "check", "src": ["group:dev"], "dst": ["tag:web"], "users": ["deploy"], "checkPeriod": "1h", "acceptEnv": ["LC_*"] },
    { "action": "accept", "src": ["eve@"], "dst": ["tag:db"], "users": ["localpart:*@far.net"] },
  ],
  "nodeAttrs": [{ "target": ["tag:web"], "attr": ["drive:share", "randomize-client-port"] }],
  "tests": [
    { "src": "ann@example.net", "accept": ["tag:web:443", "printer:631"], "deny": ["tag:web:22", "office:80"] },
    { "src": "group:dev", "accept": ["tag:db:80"] },
    { "src": "tag:web", "proto": "udp", "accept": ["10.1.2.3:53"], "deny": ["10.2.0.1:53"] },
    { "src": "tag:web", "proto": "tcp", "deny": ["10.1.2.3:53"] },
    { "src": "eve@", "accept": ["eve@:22", "tag:db:5432", "tag:db:9050"], "deny": ["bob@:22"] },
  ],
  "sshTests": [
    { "src": "bob@", "dst": ["tag:web"], "check": ["deploy"], "deny": ["root"] },
    { "src": "eve@far.net", "dst": ["tag:db"], "accept": ["eve"], "deny": ["ann", "root"] },
    { "src": "eve@", "dst": ["autogroup:self"], "accept": ["root", "ubuntu"] },
  ],
  "randomizeClientPort": true,
}`;

test('a policy with everything in it is read, and passes its tests', () => {
  expect(problem(WHOLE)).toBe('none');
  const policy = parse(WHOLE);
  expect(policy.groups.get('group:dev')).toEqual(['ann@example.net', 'bob@']);
  expect(policy.rules.map(({ line, targets, allows }) => [line, targets.length, allows])).toEqual([
    [7, 2, [{ protocols: undefined, ports: [80, 443].map((one) => ({ first: one, last: one })) }]],
    [7, 1, [{ protocols: undefined, ports: [{ first: 631, last: 631 }] }]],
    [8, 1, [{ protocols: undefined, ports: [{ first: 0, last: 65_535 }] }]],
    [9, 1, [{ protocols: [17], ports: [{ first: 53, last: 53 }] }]],
    [9, 1, [{ protocols: [17], ports: [{ first: 0, last: 65_535 }] }]],
    [
      12,
      1,
      [
        { protocols: [6], ports: [{ first: 5432, last: 5432 }] },
        { protocols: [1], ports: [{ first: 0, last: 65_535 }] },
        { protocols: undefined, ports: [{ first: 9000, last: 9100 }] },
      ],
    ],
    [13, 1, []],
  ]);
  expect(policy.isOpen).toBe(false);
  expect(policy.randomizeClientPort).toBe(true);
});

test('without acls and grants everybody may talk; an empty list of them lets nobody', () => {
  expect(parse('{}').isOpen).toBe(true);
  expect(parse('{"acls": []}').isOpen).toBe(false);
  expect(parse('{"grants": []}').isOpen).toBe(false);
  expect(new CompiledPolicy(parse('{}')).rules).toHaveLength(1);
});

const acl = (src: string, dst: string, more = ''): string =>
  `{"tagOwners": {"tag:a": []}, "hosts": {"h": "10.0.0.1"},\n"acls": [{"action": "accept", "src": [${src}], "dst": [${dst}]${more}}]}`;

test.each([
  ['{"acl": []}', '1:2: "acl" is no setting; there is: groups, hosts'],
  ['{"acls": {}}', '1:10: a list'],
  [
    '{"acls": [{"action": "drop", "src": ["*"], "dst": ["*:*"]}]}',
    '1:22: "accept" is the only action',
  ],
  ['{"acls": [{"src": ["*"], "dst": ["*:*"]}]}', '1:11: a rule needs "action"'],
  [acl('', '"*:*"'), '2:38: an empty list means nobody'],
  [acl('"*"', ''), '2:52: an empty "dst"'],
  [acl('"ann"', '"*:*"'), '2:39: "ann" is not in "hosts": add it there; a user is written ann@'],
  [acl('"group:x"', '"*:*"'), '2:39: "group:x" is not in "groups"'],
  [acl('"tag:b"', '"*:*"'), '2:39: "tag:b" is not in "tagOwners"'],
  [acl('"autogroup:admin"', '"*:*"'), '2:39: "autogroup:admin" is not known here'],
  [acl('"autogroup:self"', '"*:*"'), '2:39: "autogroup:self" can\'t stand here'],
  [acl('"10.0.0.1/8"', '"*:*"'), '2:39: "10.0.0.1/8" is none of'],
  [acl('"*"', '"tag:a"'), '2:53: "tag:a" has no ports'],
  [acl('"*"', '"h"'), '2:53: "h" has no ports'],
  [acl('"*"', '"fd7a::1:22"'), '2:53: write an IPv6 address in brackets'],
  [acl('"*"', '"h:70000"'), '2:53: "70000" are no ports'],
  [acl('"*"', '"h:9-1"'), '2:53: "9-1" are no ports'],
  [acl('"*"', '"h:22"', ', "proto": "tpc"'), '2:71: "tpc" is no protocol: use icmp'],
  [acl('"*"', '"h:22"', ', "proto": "icmp"'), '2:53: only tcp, udp and sctp have ports'],
  [acl('"tag:a"', '"autogroup:self:*"'), '2:57: autogroup:self goes with users'],
  ['{"groups": {"dev": []}}', '1:13: "dev" is no group'],
  ['{"groups": {"group:a": ["ann"]}}', '1:25: "ann" is no member'],
  [
    '{"groups": {"group:a": ["group:b"],\n"group:b": ["group:a"]}}',
    '2:13: "group:a" holds itself: group:a > group:b > group:a',
  ],
  ['{"groups": {"group:a": [],\n"group:a": []}}', '2:1: "group:a" is set twice'],
  ['{"hosts": {"a b": "10.0.0.1"}}', '1:12: "a b" can\'t be an alias'],
  ['{"hosts": {"a": "10.0.0.1/8"}}', '1:17: an address, or a prefix'],
  ['{"tagOwners": {"web": []}}', '1:16: "web" is no tag'],
  ['{"tagOwners": {"tag:a": ["*"]}}', '1:26: "*" can\'t stand here'],
  ['{"grants": [{"src": ["*"], "dst": ["*"]}]}', '1:13: a grant needs "ip" or "app"'],
  [
    '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "via": []}]}',
    '1:62: "via" is not served',
  ],
  ['{"grants": [{"src": ["*"], "dst": ["*"], "app": {"x": []}}]}', '1:50: "x" is no capability'],
  ['{"autoApprovers": {"routes": {"10.0.0.1/8": ["a@"]}}}', '1:31: "10.0.0.1/8" is no prefix'],
  [
    '{"ssh": [{"action": "accept", "src": ["*"], "dst": ["a@"], "users": ["x"]}]}',
    '1:39: "*" can\'t stand here',
  ],
  [
    '{"ssh": [{"action": "accept", "src": ["b@"], "dst": ["a@"], "users": ["x"]}]}',
    '1:53: only a@ may log in',
  ],
  [
    '{"tagOwners": {"tag:a": []}, "ssh": [{"action": "accept", "src": ["tag:a"], "dst": ["autogroup:member"], "users": ["x"]}]}',
    '1:84: tagged machines may not',
  ],
  [
    '{"ssh": [{"action": "check", "src": ["a@"], "dst": ["a@"], "users": ["x"], "checkPeriod": "8d"}]}',
    '1:91: write a time from 1m',
  ],
  ['{"nodeAttrs": [{"target": ["*"], "attr": [""]}]}', '1:43: "" is no attribute'],
  ['{"tests": [{"src": "a@"}]}', '1:12: a test needs "accept" or "deny"'],
  ['{"tests": [{"src": "a@", "accept": ["b@:80-90"]}]}', '1:37: a test names one port'],
  ['{"randomizeClientPort": 1}', '1:25: true or false'],
])('%s is refused with its place and a way out', (text, message) => {
  expect(problem(text)).toContain(`p.hujson:${message}`);
});

describe('tests of a policy', () => {
  const withTests = (tests: string): string => `{
  "groups": { "group:dev": ["ann@", "bob@"], "group:nobody": [] },
  "acls": [{ "action": "accept", "src": ["ann@"], "dst": ["bob@:22"] }],
  "tests": [
    ${tests}
  ],
}`;

  test.each([
    [
      '{ "src": "bob@", "accept": ["ann@:22"] },',
      '5:33: bob@ must reach ann@:22, and no rule lets it',
    ],
    [
      '{ "src": "ann@", "deny": ["bob@:22"] },',
      '5:31: ann@ must not reach bob@:22, and a rule lets it',
    ],
    ['{ "src": "group:dev", "accept": ["bob@:22"] },', 'group:dev must reach bob@:22'],
    ['{ "src": "group:dev", "deny": ["bob@:22"] },', 'group:dev must not reach bob@:22'],
    ['{ "src": "ann@", "accept": ["bob@:23"] },', 'ann@ must reach bob@:23'],
    ['{ "src": "ann@", "proto": "sctp", "accept": ["bob@:22"] },', 'ann@ must reach bob@:22'],
    ['{ "src": "group:nobody", "deny": ["bob@:22"] },', 'the test is about nobody'],
  ])('%s fails where it stands', (test, message) => {
    expect(problem(withTests(test))).toContain(message.replace(/^(\d+):\d+:/, '$1:'));
    expect(problem(withTests(test))).toMatch(/^p\.hujson:5: /);
  });

  test('all that fail are named', () => {
    const text = withTests(
      '{ "src": "bob@", "accept": ["ann@:1"] },\n{ "src": "bob@", "accept": ["ann@:2"] },',
    );
    expect(problem(text).split('\n')).toHaveLength(2);
  });

  test('an address is whoever has it, once machines are known', () => {
    const text = `{"acls": [{"action": "accept", "src": ["ann@"], "dst": ["bob@:22"]}],
      "tests": [{"src": "ann@", "accept": ["100.64.0.2:22"]}]}`;
    expect(problem(text)).toContain('must reach 100.64.0.2:22');
    const nodes = [machine(2, 'bob@one')];
    expect(() => loadPolicy('p', Buffer.from(text), () => nodes)).not.toThrow();
    const others = [machine(2, 'eve@one')];
    expect(() => loadPolicy('p', Buffer.from(text), () => others)).toThrow('must reach');
  });
});

function machine(id: number, login: string, tags: readonly string[] = []): AccessNode {
  const addresses = [`100.64.0.${id}`, `fd7a:115c:a1e0::${id}`] as IpAddress[];
  return { id, userId: tags.length > 0 ? 0 : login.length, login, tags, addresses, routes: [] };
}

test('tags belong to their owners; routes are approved within their prefix', () => {
  const policy = parse(WHOLE);
  expect(mayTag(policy, 'ANN@example.net', 'tag:web')).toBe(true);
  expect(mayTag(policy, 'bob@anywhere', 'tag:web')).toBe(true);
  expect(mayTag(policy, 'ann@elsewhere.net', 'tag:web')).toBe(false);
  expect(mayTag(policy, 'ann@example.net', 'tag:db')).toBe(false);
  expect(mayTag(policy, 'ann@example.net', 'tag:none')).toBe(false);
  expect(mayTag(policy, 'ann@example.net', 'tag:unheard')).toBe(false);
  expect(mayRetag(policy, ['tag:web'], 'tag:db')).toBe(true);
  expect(mayRetag(policy, ['tag:db'], 'tag:web')).toBe(false);
  const approves = (node: AccessNode, route: string): boolean =>
    autoApproves(policy, node, route as Prefix);
  const web = machine(1, '', ['tag:web']);
  expect(approves(web, '10.0.0.0/8')).toBe(true);
  expect(approves(web, '10.9.0.0/16')).toBe(true);
  expect(approves(web, '8.0.0.0/5')).toBe(false);
  expect(approves(web, '0.0.0.0/0')).toBe(false);
  expect(approves(machine(1, 'bob@one'), '::/0')).toBe(true);
  expect(approves(machine(1, 'ann@example.net'), '10.9.0.0/16')).toBe(false);
});

test('ssh rules go to the machines that they are about, with the addresses of who may come', () => {
  const nodes = [
    machine(1, 'ann@example.net'),
    machine(2, 'eve@far.net'),
    machine(3, '', ['tag:web']),
    machine(4, '', ['tag:db']),
  ];
  const table = new AccessTable(new CompiledPolicy(parse(WHOLE)), nodes);
  const ip = (id: number) => [{ nodeIP: `100.64.0.${id}` }, { nodeIP: `fd7a:115c:a1e0::${id}` }];
  expect(sshPolicyOf(table, 1)).toMatchObject({
    rules: [{ principals: ip(1), sshUsers: { '*': '=', root: 'root' }, action: { accept: true } }],
  });
  expect(sshPolicyOf(table, 3)).toMatchObject({
    rules: [
      {
        principals: ip(1),
        sshUsers: { deploy: 'deploy' },
        action: { holdAndDelegate: expect.stringContaining('/machine/ssh/action/') as string },
        acceptEnv: ['LC_*'],
      },
    ],
  });
  expect(sshPolicyOf(table, 4)).toMatchObject({
    rules: [{ principals: ip(2), sshUsers: { eve: 'eve' } }],
  });
  const silent = new AccessTable(new CompiledPolicy(parse('{}')), nodes);
  expect(sshPolicyOf(silent, 1)).toBeUndefined();
});

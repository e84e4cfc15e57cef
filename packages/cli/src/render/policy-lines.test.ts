import type { PolicyCheckInfo, PolicyInfo } from '@warren/servers/control/admin-types';
import { expect, test } from 'vitest';
import { renderPolicyCheck, renderPolicyStatus } from './policy-lines.js';

const counts = { rules: 2, groups: 1, tags: 0, sshRules: 0, tests: 1 };
const good: PolicyCheckInfo = {
  ...{ ...counts, valid: true, problems: [], warnings: ['odd'], nodes: null, pairs: null },
};

test('a good file is summed up, with what it was tried on', () => {
  expect(renderPolicyCheck('p.hujson', good)).toEqual([
    'warning: odd',
    'It is a policy: 2 rules, 1 group, 0 tags, 0 ssh rules. Its 1 test passes.',
    'No hub was asked: users and machines were not looked at.',
  ]);
  expect(renderPolicyCheck('p.hujson', { ...good, tests: 0, nodes: 4, pairs: 1 }).slice(1)).toEqual(
    [
      'It is a policy: 2 rules, 1 group, 0 tags, 0 ssh rules. It has no tests.',
      'Of 4 machines on the hub, 1 pair would see each other.',
    ],
  );
});

test('problems stand as compilers print them', () => {
  const problems = [
    { line: 3, column: 7, problem: 'bad' },
    { line: 9, column: null, problem: 'worse' },
  ];
  expect(renderPolicyCheck('p.hujson', { ...good, valid: false, problems, warnings: [] })).toEqual([
    'p.hujson:3:7: bad',
    'p.hujson:9: worse',
    'A hub would refuse it.',
  ]);
});

test('the status says what holds, and why the file does not', () => {
  const now = Date.UTC(2026, 0, 2);
  const info: PolicyInfo = {
    ...{ ...counts, file: '/p.hujson', text: '{}', problems: [], warnings: [] },
    acceptedAt: new Date(now - 120_000).toISOString(),
  };
  expect(renderPolicyStatus(info, now)).toEqual([
    '/p.hujson holds: 2 rules, 1 group, 0 tags, 0 ssh rules, 1 test, accepted 2m ago.',
  ]);
  const problems = [{ line: null, column: null, problem: 'it is gone' }];
  expect(renderPolicyStatus({ ...info, problems }, now)).toEqual([
    expect.stringMatching(
      /^\/p\.hujson is refused as it is now; what was accepted before holds: 2/,
    ),
    '/p.hujson: it is gone',
  ]);
  expect(renderPolicyStatus({ ...info, file: null }, now)).toHaveLength(1);
});

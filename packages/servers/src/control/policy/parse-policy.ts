/**
 * A policy file: HuJSON, one object, the sections that operators of this family of servers know.
 *
 *     groups, hosts, tagOwners             names that the rest uses
 *     acls, grants                         who reaches whom (parse-rules.ts); without both: everybody everybody
 *     autoApprovers, nodeAttrs, ssh        routes, capabilities of nodes, logins
 *     tests, sshTests                      what must come out of it
 *     randomizeClientPort                  no fixed UDP port on machines
 *
 * Every error is CONFIG_INVALID with file, line, column and what to write instead. Unknown sections are errors:
 * a rule that is misspelt must not be one that is missing.
 */

import { parsePrefix } from '@warren/core/ip/prefix';
import type { AccessNode } from '@warren/core/policy/access-node';
import { rangeOfPrefix } from '@warren/core/policy/address-set';
import { CompiledPolicy } from '@warren/core/policy/compiled-policy';
import type { NodeAttributes, Policy, RouteApproval } from '@warren/core/policy/policy';
import { runPolicyTests, type TestFailure } from '@warren/core/policy/policy-tests';
import type { Selector, SelectorNames } from '@warren/core/policy/selector';
import { type ConfigValue, parseHujson } from '@warren/shell/config/hujson';
import { PolicyTestsError } from '../../errors.js';
import { MACHINES, readAcls, readGrants } from './parse-rules.js';
import { readSsh, readSshTests, readTests } from './parse-ssh.js';
import {
  boundedList,
  readGroups,
  readHosts,
  readSelectors,
  readTagNames,
  readTagOwners,
} from './policy-names.js';

const SECTIONS = [
  ...(['groups', 'hosts', 'tagOwners', 'acls', 'grants', 'autoApprovers'] as const),
  ...(['ssh', 'nodeAttrs', 'tests', 'sshTests', 'randomizeClientPort'] as const),
];

const APPROVERS: readonly Selector['kind'][] = ['user', 'group', 'tag', 'member', 'tagged'];
const ATTRIBUTES_MAX = 1000;

function readApprovals(
  value: ConfigValue | undefined,
  names: SelectorNames,
): Pick<Policy, 'routeApprovals' | 'exitNodeApprovers'> {
  const fields = value?.fields(['routes', 'exitNode']);
  const routeApprovals = (fields?.get('routes')?.entries() ?? []).map(
    ({ name, value: approvers }): RouteApproval => {
      const prefix = parsePrefix(name.text());
      if (prefix === undefined) {
        throw name.error(`"${name.text()}" is no prefix without host bits, such as 10.0.0.0/8`);
      }
      return {
        range: rangeOfPrefix(prefix),
        approvers: readSelectors(approvers, names, APPROVERS),
      };
    },
  );
  const exitNode = fields?.get('exitNode');
  return {
    routeApprovals,
    exitNodeApprovers: exitNode === undefined ? [] : readSelectors(exitNode, names, APPROVERS),
  };
}

function readAttributes(value: ConfigValue, names: SelectorNames): NodeAttributes {
  const fields = value.fields(['target', 'attr']);
  const [target, attr] = [fields.get('target'), fields.get('attr')];
  if (target === undefined || attr === undefined)
    throw value.error('"target" and "attr" are needed');
  const attributes = boundedList(attr, ATTRIBUTES_MAX).map((entry) => {
    if (/^[A-Za-z0-9][A-Za-z0-9:/?=&,._-]{0,190}$/.test(entry.text())) return entry.text();
    throw entry.error(`"${entry.text()}" is no attribute, such as randomize-client-port`);
  });
  return { targets: readSelectors(target, names, MACHINES), names: attributes };
}

/** The policy that a file's content is; `path` is for errors. Its tests are not run. Throws CONFIG_INVALID. */
export function parsePolicy(path: string, bytes: Uint8Array): Policy {
  const fields = parseHujson(path, bytes).fields(SECTIONS);
  const groups = readGroups(fields.get('groups'));
  const names: SelectorNames = {
    hosts: readHosts(fields.get('hosts')),
    groups: new Set(groups.keys()),
    tags: readTagNames(fields.get('tagOwners')),
  };
  const read = <Entry>(
    section: (typeof SECTIONS)[number],
    reader: (value: ConfigValue, names: SelectorNames) => readonly Entry[],
  ): readonly Entry[] => {
    const value = fields.get(section);
    return value === undefined ? [] : reader(value, names);
  };
  return {
    groups,
    hosts: names.hosts,
    tagOwners: readTagOwners(fields.get('tagOwners'), names),
    isOpen: !fields.has('acls') && !fields.has('grants'),
    rules: [...read('acls', readAcls), ...read('grants', readGrants)],
    ...readApprovals(fields.get('autoApprovers'), names),
    ssh: read('ssh', readSsh),
    nodeAttributes: read('nodeAttrs', (value) =>
      boundedList(value, ATTRIBUTES_MAX).map((entry) => readAttributes(entry, names)),
    ),
    tests: read('tests', readTests),
    sshTests: read('sshTests', readSshTests),
    randomizeClientPort: fields.get('randomizeClientPort')?.flag() ?? false,
  };
}

/**
 * The policy of a file, ready, its tests passed. Throws CONFIG_INVALID, or {@link PolicyTestsError} that names
 * each test which failed with its line.
 */
export function loadPolicy(
  path: string,
  bytes: Uint8Array,
  nodesUnder: (policy: Policy) => readonly AccessNode[] = () => [],
): CompiledPolicy {
  const compiled = new CompiledPolicy(parsePolicy(path, bytes));
  const nodes = nodesUnder(compiled.policy);
  const failures: readonly TestFailure[] = runPolicyTests(compiled, nodes);
  if (failures.length > 0) throw new PolicyTestsError(path, failures);
  return compiled;
}

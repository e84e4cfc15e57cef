/** What is to be said of a policy file before it counts: whether it is one, whether its tests pass, what is odd. */
import type { WarrenError } from '@warren/core/base/errors';
import type { AccessNode } from '@warren/core/policy/access-node';
import { AccessTable } from '@warren/core/policy/access-table';
import { CompiledPolicy } from '@warren/core/policy/compiled-policy';
import type { Policy } from '@warren/core/policy/policy';
import { runPolicyTests } from '@warren/core/policy/policy-tests';
import { ConfigError } from '@warren/shell/errors';
import type { PolicyCheckInfo, PolicyProblemInfo } from '../admin-types.js';
import { parsePolicy } from './parse-policy.js';

/** The network that a policy is checked against. */
export interface CheckedNetwork {
  /** With the routes that they serve by an operator's word or by this policy's. */
  readonly nodes: (policy: Policy) => readonly AccessNode[];
  /** Login names. */
  readonly users: readonly string[];
}

/** Names in one warning. */
const NAMED_MAX = 10;

/** Never throws for what a file may hold; `network` is undefined where none is known. */
export function checkPolicy(
  path: string,
  bytes: Uint8Array,
  network: CheckedNetwork | undefined,
): PolicyCheckInfo {
  const counts = { rules: 0, groups: 0, tags: 0, sshRules: 0, tests: 0 };
  const none = { warnings: [], nodes: null, pairs: null };
  let policy: Policy;
  try {
    policy = parsePolicy(path, bytes);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { valid: false, problems: [problemOf(error)], ...counts, ...none };
  }
  const compiled = new CompiledPolicy(policy);
  const nodes = network?.nodes(policy);
  const failures = runPolicyTests(compiled, nodes);
  return {
    valid: failures.length === 0,
    problems: failures.map(({ line, problem }) => ({ line, column: null, problem })),
    rules: policy.rules.length,
    groups: policy.groups.size,
    tags: policy.tagOwners.size,
    sshRules: policy.ssh.length,
    tests: policy.tests.length + policy.sshTests.length,
    warnings: warningsOf(policy, network, nodes),
    nodes: nodes?.length ?? null,
    pairs: nodes === undefined ? null : new AccessTable(compiled, nodes).pairCount,
  };
}

function problemOf(error: ConfigError): PolicyProblemInfo {
  return { line: error.line, column: error.column, problem: error.problem };
}

/** The words for each line of a report. */
export function problemLines(path: string, error: WarrenError): readonly PolicyProblemInfo[] {
  if (error instanceof ConfigError) return [problemOf(error)];
  return error.message.split('\n').map((text) => {
    const match = text.startsWith(`${path}:`)
      ? /^(\d+): (.*)$/.exec(text.slice(path.length + 1))
      : null;
    return {
      line: match === null ? null : Number(match[1]),
      column: null,
      problem: match?.[2] ?? text,
    };
  });
}

/** What is allowed and probably not meant; `nodes`: those of the network, where they are known already. */
export function warningsOf(
  policy: Policy,
  network: CheckedNetwork | undefined,
  nodes: readonly AccessNode[] = network?.nodes(policy) ?? [],
): readonly string[] {
  const warnings: string[] = [];
  if (policy.isOpen) {
    warnings.push('neither "acls" nor "grants": everybody may talk to everybody');
  }
  if (network === undefined) return warnings;
  const logins = network.users.map((login) => login.toLowerCase());
  const isKnown = (user: string): boolean =>
    logins.some((login) => (user.endsWith('@') ? login.startsWith(user) : login === user));
  for (const [group, users] of policy.groups) {
    const strangers = users.filter((user) => !isKnown(user));
    if (strangers.length > 0)
      warnings.push(`${group} names users that are not here: ${some(strangers)}`);
  }
  const carried = new Set(nodes.flatMap(({ tags }) => tags));
  const idle = [...policy.tagOwners.keys()].filter((tag) => !carried.has(tag));
  if (idle.length > 0) warnings.push(`no machine has ${some(idle)}`);
  const unknown = [...carried].filter((tag) => !policy.tagOwners.has(tag));
  if (unknown.length > 0) {
    warnings.push(`machines have tags that the policy does not know: ${some(unknown)}`);
  }
  return warnings;
}

function some(names: readonly string[]): string {
  const rest = names.length - NAMED_MAX;
  return names.slice(0, NAMED_MAX).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

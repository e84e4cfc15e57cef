/** Policies for the tests of this folder, written as short lines. */
import { ALL_PORTS } from '../../engines/filter-rule.js';
import { CompiledPolicy } from '../../policy/compiled-policy.js';
import { type AccessRule, OPEN_POLICY, type Policy } from '../../policy/policy.js';
import { parseSelector, type Selector } from '../../policy/selector.js';
import type { Policies } from './rights.js';

const TAILNET = 'home';
const groups = new Map([['group:dev', ['ann@net.example']]]);

export function selector(text: string): Selector {
  const names = { hosts: new Map(), groups: new Set(groups.keys()), tags: undefined };
  const parsed = parseSelector(text, names);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed;
}

/** `who > whom port`. */
export function rule(text: string): AccessRule {
  const [who = '', , whom = '', port = ''] = text.split(' ');
  const ports = port === '*' ? ALL_PORTS : { first: Number(port), last: Number(port) };
  return {
    line: 1,
    sources: [selector(who)],
    targets: [selector(whom)],
    allows: [{ protocols: undefined, ports: [ports] }],
    capabilities: new Map(),
  };
}

/** A policy of such rules for the one tailnet. */
export function policyOf(rules: readonly string[], more: Partial<Policy> = {}): Policies {
  const policy: Policy = { ...OPEN_POLICY, groups, isOpen: false, rules: rules.map(rule), ...more };
  return new Map([[TAILNET, new CompiledPolicy(policy)]]);
}

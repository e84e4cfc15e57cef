/**
 * Who may log in on a node by SSH, as the node itself enforces it: rules of the policy whose targets it is in,
 * in the file's order, with the addresses of whom they name.
 *
 *     accept   the session begins
 *     check    the node asks control first, which holds it until somebody approves
 *
 * Names: `root` must be said, `autogroup:nonroot` is any name but root, `localpart:*@domain` gives each user of
 * the domain the name before the @.
 */
import type { WireSshAction, WireSshPolicy, WireSshRule } from '../netmap/wire.js';
import type { AccessNodeId } from './access-node.js';
import type { AccessEntry, AccessTable } from './access-table.js';
import type { CompiledSshRule } from './compiled-policy.js';
import type { SshRule } from './policy.js';

const LOCAL_PART = 'localpart:*@';
/** Where a node asks about a check; the client fills in the variables, the host it knows. */
export const SSH_CHECK_URL =
  'https://unused/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER';

const ACCEPT: WireSshAction = {
  accept: true,
  allowAgentForwarding: true,
  allowLocalPortForwarding: true,
  allowRemotePortForwarding: true,
};
const CHECK: WireSshAction = { holdAndDelegate: SSH_CHECK_URL };

/** Undefined: the policy says nothing of SSH at all. */
export function sshPolicyOf(table: AccessTable, id: AccessNodeId): WireSshPolicy | undefined {
  const { sshRules } = table.compiled;
  const entry = table.entry(id);
  if (sshRules.length === 0 || entry === undefined) return undefined;
  return { rules: sshRules.flatMap((compiled) => rulesOf(table, entry, compiled)) };
}

function rulesOf(
  table: AccessTable,
  entry: AccessEntry,
  { sources, targets, rule }: CompiledSshRule,
): readonly WireSshRule[] {
  const { accessClass } = entry;
  const isTarget =
    targets === 'self'
      ? accessClass.selfSources.has(sources)
      : accessClass.identityTargets.has(targets);
  if (!isTarget) return [];
  const ids =
    targets === 'self' ? table.ownMachines(accessClass.selfUser) : table.sourceMembers(sources);
  const machines = [...ids].flatMap((id) => table.entry(id) ?? []);
  const ordered = machines.sort((one, other) => one.node.id - other.node.id);
  const everybody = ruleFor(ordered, namesOf(rule), rule);
  return [...everybody, ...byLocalPart(ordered, rule)];
}

function ruleFor(
  machines: readonly AccessEntry[],
  sshUsers: Readonly<Record<string, string>>,
  rule: SshRule,
): readonly WireSshRule[] {
  if (machines.length === 0 || Object.keys(sshUsers).length === 0) return [];
  return [
    {
      principals: machines.flatMap(({ node }) => node.addresses.map((nodeIP) => ({ nodeIP }))),
      sshUsers,
      action: rule.action === 'check' ? CHECK : ACCEPT,
      ...(rule.acceptEnv.length === 0 ? {} : { acceptEnv: rule.acceptEnv }),
    },
  ];
}

/** Names that all sources may use. */
function namesOf(rule: SshRule): Readonly<Record<string, string>> {
  const names: Record<string, string> = {};
  if (rule.users.includes('autogroup:nonroot')) {
    names['*'] = '=';
    names['root'] = '';
  }
  for (const user of rule.users) {
    if (!user.includes(':')) names[user] = user;
  }
  return names;
}

/** A rule per user of the domains: each has another name. */
function byLocalPart(machines: readonly AccessEntry[], rule: SshRule): readonly WireSshRule[] {
  const domains = rule.users
    .filter((user) => user.startsWith(LOCAL_PART))
    .map((user) => user.slice(LOCAL_PART.length).toLowerCase());
  const byName = new Map<string, AccessEntry[]>();
  for (const machine of machines) {
    const [name = '', domain = ''] = machine.subject.login.split('@');
    if (name === '' || !domains.includes(domain)) continue;
    byName.set(name, [...(byName.get(name) ?? []), machine]);
  }
  return [...byName].flatMap(([name, own]) => ruleFor(own, { [name]: name }, rule));
}

/** What a rule gives a source on a target, of one login name; for tests of a policy. */
export function sshRuleNames(rule: SshRule, login: string, name: string): boolean {
  if (rule.users.includes(name)) return true;
  if (name !== 'root' && rule.users.includes('autogroup:nonroot')) return true;
  return rule.users.some((user) => {
    if (!user.startsWith(LOCAL_PART)) return false;
    return login === `${name}@${user.slice(LOCAL_PART.length).toLowerCase()}`;
  });
}

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

export const SSH_ACCEPT: WireSshAction = {
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

/** The first rule that lets `source` log in on `target` under a name there; undefined: none does. */
export function sshRuleBetween(
  table: AccessTable,
  source: AccessNodeId,
  target: AccessNodeId,
  localUser: string,
): SshRule | undefined {
  const [from, to] = [table.entry(source), table.entry(target)];
  if (from === undefined || to === undefined) return undefined;
  const first = table.compiled.sshRules.find(
    (compiled) =>
      sshRuleNames(compiled.rule, from.subject.login, localUser) &&
      [...sourcesOn(table, to, compiled)].includes(source),
  );
  return first?.rule;
}

/** Whom a rule lets in on a node; nobody where it isn't a target. */
function sourcesOn(
  table: AccessTable,
  { accessClass }: AccessEntry,
  { sources, targets }: CompiledSshRule,
): Iterable<AccessNodeId> {
  if (targets !== 'self') {
    return accessClass.identityTargets.has(targets) ? table.sourceMembers(sources) : [];
  }
  return accessClass.selfSources.has(sources) ? table.ownMachines(accessClass.selfUser) : [];
}

function rulesOf(
  table: AccessTable,
  entry: AccessEntry,
  compiled: CompiledSshRule,
): readonly WireSshRule[] {
  const { rule } = compiled;
  const ids = sourcesOn(table, entry, compiled);
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
      action: rule.action === 'check' ? CHECK : SSH_ACCEPT,
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

/** Whether a rule gives a source one login name on its targets. */
export function sshRuleNames(rule: SshRule, login: string, name: string): boolean {
  if (rule.users.includes(name)) return true;
  if (name !== 'root' && rule.users.includes('autogroup:nonroot')) return true;
  return rule.users.some((user) => {
    if (!user.startsWith(LOCAL_PART)) return false;
    return login === `${name}@${user.slice(LOCAL_PART.length).toLowerCase()}`;
  });
}

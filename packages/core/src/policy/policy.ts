/**
 * A policy as its file says it, validated: who may reach whom, who may carry which tag, whose routes are
 * approved, who may log in where. What it means for nodes is worked out by compiled-policy.ts and
 * access-table.ts.
 */
import type { JsonValue } from '../base/json.js';
import type { PortRange } from '../engines/filter-rule.js';
import type { AddressRange } from './address-set.js';
import type { Selector } from './selector.js';

/** Ports of some protocols. */
export interface Allowance {
  /** IP protocol numbers; undefined: TCP, UDP and ICMP, which is what clients take an absent list for. */
  readonly protocols: readonly number[] | undefined;
  readonly ports: readonly PortRange[];
}

/** One entry of `acls` (a part of one whose targets have different ports) or of `grants`. */
export interface AccessRule {
  /** Where it stands in the file, from 1. */
  readonly line: number;
  readonly sources: readonly Selector[];
  readonly targets: readonly Selector[];
  readonly allows: readonly Allowance[];
  /** Application capabilities with their values. */
  readonly capabilities: ReadonlyMap<string, readonly JsonValue[]>;
}

export interface RouteApproval {
  readonly range: AddressRange;
  readonly approvers: readonly Selector[];
}

/** How long an approved check holds; `always`: until the next login. */
export type CheckPeriod = { readonly ms: number } | 'always';

export interface SshRule {
  readonly line: number;
  readonly action: 'accept' | 'check';
  readonly sources: readonly Selector[];
  readonly targets: readonly Selector[];
  /** Login names, `autogroup:nonroot`, or `localpart:*@domain`. */
  readonly users: readonly string[];
  readonly checkPeriod: CheckPeriod;
  readonly acceptEnv: readonly string[];
}

export interface NodeAttributes {
  readonly targets: readonly Selector[];
  readonly names: readonly string[];
}

/** One thing that a test names: a selector, and a port. */
export interface TestTarget {
  readonly line: number;
  readonly text: string;
  readonly selector: Selector;
  readonly port: number;
}

export interface PolicyTest {
  readonly line: number;
  readonly source: Selector;
  /** One protocol; undefined: TCP or UDP. */
  readonly protocol: number | undefined;
  readonly accept: readonly TestTarget[];
  readonly deny: readonly TestTarget[];
}

/** Login names that a source may use on the targets, must not, or may after a check. */
export interface SshTest {
  readonly line: number;
  readonly source: Selector;
  readonly targets: readonly Selector[];
  readonly accept: readonly string[];
  readonly deny: readonly string[];
  readonly check: readonly string[];
}

export interface Policy {
  /** Users (in lower case) by group, groups within groups resolved. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly hosts: ReadonlyMap<string, AddressRange>;
  readonly tagOwners: ReadonlyMap<string, readonly Selector[]>;
  /** True without `acls` and `grants`: everybody may reach everybody. */
  readonly isOpen: boolean;
  readonly rules: readonly AccessRule[];
  readonly routeApprovals: readonly RouteApproval[];
  readonly exitNodeApprovers: readonly Selector[];
  readonly ssh: readonly SshRule[];
  readonly nodeAttributes: readonly NodeAttributes[];
  readonly tests: readonly PolicyTest[];
  readonly sshTests: readonly SshTest[];
  readonly randomizeClientPort: boolean;
}

/** What holds where nobody wrote a policy. */
export const OPEN_POLICY: Policy = {
  groups: new Map(),
  hosts: new Map(),
  tagOwners: new Map(),
  isOpen: true,
  rules: [],
  routeApprovals: [],
  exitNodeApprovers: [],
  ssh: [],
  nodeAttributes: [],
  tests: [],
  sshTests: [],
  randomizeClientPort: false,
};

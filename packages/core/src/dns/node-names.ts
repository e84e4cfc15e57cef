/**
 * The names of the network's machines and control's extra records, both ways. The tables are made when somebody
 * asks for the first time: most netmaps are replaced before anybody does.
 *
 * A machine that has IPv4 gets no IPv6 address under its name unless control says so (`magicdns-aaaa`): whether
 * it has IPv6 in the tunnel nobody knows, and stock clients answer alike.
 */
import { familyOf, type IpAddress } from '../ip/address.js';
import { type Prefix, prefixAddress } from '../ip/prefix.js';
import { type DnsName, parentOf, parseName, ROOT } from './name.js';

/** What control calls it. */
const SUBDOMAINS = 'dns-subdomain-resolve';

/** A machine as far as names go. */
export interface NamedNode {
  readonly name: string;
  readonly addresses: readonly Prefix[];
  /** With `dns-subdomain-resolve` every name below its own is its own. */
  readonly capabilities?: readonly string[];
}

/** One of control's own records. */
export interface ExtraRecord {
  readonly name: DnsName;
  readonly address: IpAddress;
}

export interface NodeNamesOptions {
  /** Called once. */
  readonly nodes: () => Iterable<NamedNode>;
  readonly extraRecords: readonly ExtraRecord[];
  /** IPv6 addresses also of machines that have IPv4. */
  readonly withIpv6: boolean;
}

interface Tables {
  readonly addresses: ReadonlyMap<DnsName, readonly IpAddress[]>;
  readonly names: ReadonlyMap<IpAddress, DnsName>;
  /** Names that stand for all below them. */
  readonly wild: ReadonlySet<DnsName>;
}

interface Parsed {
  readonly name: DnsName | undefined;
  readonly addresses: readonly IpAddress[];
}

/** By the node's object, which stays the same as long as nothing about the node changes. */
const parsedNodes = new WeakMap<NamedNode, Parsed>();

function parsed(node: NamedNode): Parsed {
  let known = parsedNodes.get(node);
  if (known === undefined) {
    known = { name: parseName(node.name), addresses: node.addresses.map(prefixAddress) };
    parsedNodes.set(node, known);
  }
  return known;
}

function build({ nodes, extraRecords, withIpv6 }: NodeNamesOptions): Tables {
  const addresses = new Map<DnsName, readonly IpAddress[]>();
  const names = new Map<IpAddress, DnsName>();
  const wild = new Set<DnsName>();
  for (const node of nodes()) {
    const { name, addresses: all } = parsed(node);
    if (name === undefined || name === ROOT) continue;
    for (const address of all) if (!names.has(address)) names.set(address, name);
    const hasIpv4 = all.some((address) => familyOf(address) === 4);
    const given = withIpv6 || !hasIpv4 ? all : all.filter((address) => familyOf(address) === 4);
    // The first of two machines with one name keeps it.
    if (addresses.has(name)) continue;
    addresses.set(name, given);
    if (node.capabilities?.includes(SUBDOMAINS) === true) wild.add(name);
  }
  const extra = new Map<DnsName, IpAddress[]>();
  for (const { name, address } of extraRecords) {
    const list = extra.get(name) ?? [];
    if (!list.includes(address)) list.push(address);
    extra.set(name, list);
  }
  // As stock clients do it: a record of control's takes the place of a machine's name.
  for (const [name, list] of extra) addresses.set(name, list);
  return { addresses, names, wild };
}

export class NodeNames {
  readonly #options: NodeNamesOptions;
  #tables: Tables | undefined;

  constructor(options: NodeNamesOptions) {
    this.#options = options;
  }

  /** Undefined: nobody is called so. */
  addressesOf(name: DnsName): readonly IpAddress[] | undefined {
    const { addresses, wild } = this.#made();
    const own = addresses.get(name);
    if (own !== undefined || wild.size === 0) return own;
    for (let at = parentOf(name); at !== undefined; at = parentOf(at)) {
      if (wild.has(at)) return addresses.get(at);
    }
    return undefined;
  }

  nameOf(address: IpAddress): DnsName | undefined {
    return this.#made().names.get(address);
  }

  #made(): Tables {
    this.#tables ??= build(this.#options);
    return this.#tables;
  }
}

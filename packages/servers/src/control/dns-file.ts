/**
 * DNS of the network as an operator writes it: HuJSON, one object, every field may be absent.
 *
 *     {
 *       "magicDns": true,
 *       // Everything that is not the network's goes here, whatever a machine's own network says.
 *       "overrideLocalDns": true,
 *       "nameservers": {
 *         "global": ["9.9.9.9", "2620:fe::fe"],
 *         "split": { "corp.example": ["10.0.0.53"] },
 *       },
 *       "searchDomains": ["corp.example"],
 *       "extraRecords": [{ "name": "wiki.warren.internal", "type": "A", "value": "100.64.0.7" }],
 *     }
 */
import {
  DEFAULT_DNS,
  type DnsRecordSetting,
  type DnsSettings,
} from '@warren/core/control/server/dns-config';
import { parseName, ROOT } from '@warren/core/dns/name';
import { isOwnService, parseUpstream } from '@warren/core/dns/upstream';
import { familyOf, parseAddress } from '@warren/core/ip/address';
import {
  dnsDomainsMax,
  dnsRecordsMax,
  dnsResolversMax,
  dnsRoutesMax,
} from '@warren/core/netmap/limits';
import { type ConfigValue, parseHujson } from '@warren/shell/config/hujson';

function bounded(value: ConfigValue, most: number, what: string): readonly ConfigValue[] {
  const list = value.list();
  if (list.length > most) throw value.error(`clients take at most ${most} ${what}`);
  return list;
}

function readNameserver(value: ConfigValue): string {
  const text = value.text();
  const upstream = parseUpstream(text);
  if (upstream === undefined) {
    throw value.error(
      'an address is expected here, such as 9.9.9.9, [2620:fe::fe]:53 or https://…',
    );
  }
  if (isOwnService(upstream)) {
    throw value.error(`${text} is what every machine itself answers on; it would ask itself`);
  }
  return text;
}

function readNameservers(value: ConfigValue): readonly string[] {
  return bounded(value, dnsResolversMax, 'nameservers').map(readNameserver);
}

function readDomain(value: ConfigValue): string {
  const name = parseName(value.text());
  if (name === undefined || name === ROOT) throw value.error('a domain is expected here');
  return name;
}

function readSplit(value: ConfigValue): ReadonlyMap<string, readonly string[]> {
  const fields = [...value.anyFields()];
  if (fields.length > dnsRoutesMax)
    throw value.error(`clients take at most ${dnsRoutesMax} suffixes`);
  return new Map(
    fields.map(([suffix, nameservers]) => {
      const name = parseName(suffix);
      if (name === undefined || name === ROOT) {
        throw nameservers.error(`"${suffix}" is no domain; for all domains there is "global"`);
      }
      return [name, readNameservers(nameservers)];
    }),
  );
}

function readRecord(value: ConfigValue): DnsRecordSetting {
  const fields = value.fields(['name', 'type', 'value']);
  const [name, target, type] = [fields.get('name'), fields.get('value'), fields.get('type')];
  if (name === undefined || target === undefined) {
    throw value.error('a record needs "name" and "value"');
  }
  const address = parseAddress(target.text());
  if (address === undefined) throw target.error('an address is expected here');
  const own = familyOf(address) === 4 ? 'A' : 'AAAA';
  if (type !== undefined && type.text() !== own) {
    throw type.error(`the type of ${address} is ${own}; other types are not possible`);
  }
  return { name: readDomain(name), type: own, value: address };
}

/** The settings of a file's content; `path` is for errors. Throws CONFIG_INVALID, naming the line. */
export function parseDnsFile(path: string, bytes: Uint8Array): DnsSettings {
  const fields = parseHujson(path, bytes).fields([
    'magicDns',
    'overrideLocalDns',
    'nameservers',
    'searchDomains',
    'extraRecords',
  ]);
  const nameservers = fields.get('nameservers')?.fields(['global', 'split']);
  const global = nameservers?.get('global');
  const split = nameservers?.get('split');
  const domains = fields.get('searchDomains');
  const records = fields.get('extraRecords');
  return {
    magicDns: fields.get('magicDns')?.flag() ?? DEFAULT_DNS.magicDns,
    overrideLocalDns: fields.get('overrideLocalDns')?.flag() ?? DEFAULT_DNS.overrideLocalDns,
    globalNameservers: global === undefined ? [] : readNameservers(global),
    splitNameservers: split === undefined ? new Map() : readSplit(split),
    searchDomains:
      domains === undefined
        ? []
        : bounded(domains, dnsDomainsMax, 'search domains').map(readDomain),
    extraRecords:
      records === undefined ? [] : bounded(records, dnsRecordsMax, 'records').map(readRecord),
  };
}

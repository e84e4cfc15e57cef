/** One question to the resolver and its answer for people: `warren dns query`. */
import { viewOf } from '@warren/core/base/bytes';
import { isFailure } from '@warren/core/base/failure';
import { encodeQuery } from '@warren/core/dns/encode';
import { CLASS_INTERNET, decodeMessage, rcodeOf } from '@warren/core/dns/message';
import { parseName } from '@warren/core/dns/name';
import { formatData, formatRcode, formatType, parseType } from '@warren/core/dns/record-text';
import { type ResolverConfig, upstreamsOf } from '@warren/core/dns/resolver-config';
import { formatUpstream } from '@warren/core/dns/upstream';
import { NodeError } from '../errors.js';
import type { DnsQueryReport } from '../local-api/dns-report.js';
import type { ResolverHost } from './resolver-host.js';

/** Nobody else sees it: answers go by the shell's own number. */
const QUERY_ID = 1;
const CLASS_AT_END = 2;

export interface DnsQuestionText {
  readonly name: string;
  /** `A`, `AAAA`, `TYPE65`. */
  readonly type: string;
}

/** Throws REQUEST_INVALID for what is no question. */
export function askOnce(
  host: ResolverHost,
  config: ResolverConfig,
  { name, type }: DnsQuestionText,
): Promise<DnsQueryReport> {
  const parsed = parseName(name);
  const number = parseType(type);
  if (parsed === undefined || number === undefined) {
    const what = parsed === undefined ? `"${name}" is no DNS name` : `"${type}" is no record type`;
    return Promise.reject(
      new NodeError('REQUEST_INVALID', what, 'such as `warren dns query alpha.net.example AAAA`'),
    );
  }
  const question = { name: parsed, type: number, class: CLASS_INTERNET };
  const fields = { id: QUERY_ID, question, dnssecOk: false, checkingDisabled: false, edns: true };
  const bytes = encodeQuery(fields);
  return new Promise((resolve) => {
    // Over TCP nothing is cut short.
    host.query('tcp', bytes, (answer) => {
      const upstreams = upstreamsOf(config, parsed).map(formatUpstream);
      resolve({ name: parsed, type: formatType(number), upstreams, ...readAnswer(answer) });
    });
  });
}

function readAnswer(
  bytes: Uint8Array | undefined,
): Pick<DnsQueryReport, 'rcode' | 'local' | 'answers'> {
  const message = bytes === undefined ? undefined : decodeMessage(bytes);
  if (bytes === undefined || message === undefined || isFailure(message)) {
    return { rcode: 'SERVFAIL', local: false, answers: [] };
  }
  const view = viewOf(bytes);
  const answers = message.records
    .filter(({ section }) => section === 'answer')
    .map((record) => ({
      name: record.name,
      ttl: record.ttl,
      class: view.getUint16(record.ttlAt - CLASS_AT_END),
      type: formatType(record.type),
      data: formatData(bytes, record),
    }));
  return { rcode: formatRcode(rcodeOf(message)), local: (message.flags & 0x0400) !== 0, answers };
}

/**
 * A UPnP internet gateway for tests, as bytes: answers searches, describes itself, and keeps a table of mappings, with
 * what real routers do wrong as options. {@link InMemoryLan} is the LAN that a method (method.ts) lives on.
 */
import type { Counters } from '../../base/counters.js';
import { DecodeFailure } from '../../base/failure.js';
import { after, earliest, type Instant } from '../../base/instant.js';
import { SeededRandom } from '../../base/seeded-random.js';
import { encodeUtf8 } from '../../base/text.js';
import { type Endpoint, endpoint, endpointAddress, type IpAddress } from '../../ip/address.js';
import type { HttpRequest } from '../io.js';
import type { MappingMethod, MethodInput, MethodOutput } from '../method.js';
import { childText, parseXml, type XmlElement } from '../xml.js';

export interface GatewayEntry {
  readonly client: string;
  readonly internalPort: number;
  readonly description: string;
  readonly lease: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface GatewayOptions {
  readonly address?: string;
  /** Default: WANIPConnection:1. */
  readonly service?: string;
  /** What it tells; empty: nothing. */
  readonly external?: string;
  readonly status?: string;
  readonly latencyMs?: number;
  /** Where its answers to searches come from; default: port 1900 of its address. */
  readonly ssdpSource?: string;
  readonly location?: string;
  readonly device?: string;
  /** Instead of the usual answer to an action or `description`; undefined: the usual one. */
  readonly instead?: (
    action: string,
    values: ReadonlyMap<string, string>,
  ) => HttpAnswer | number | 'silence' | undefined;
  /** Of the lease that it lists and grants. */
  readonly grants?: (asked: number) => number;
}

const urn = 'urn:schemas-upnp-org:service:WANIPConnection:1';

export class InMemoryGateway {
  readonly address: IpAddress;
  readonly table = new Map<number, GatewayEntry>();
  /** Names of all actions, with the external port where there is one. */
  readonly log: string[] = [];
  options: GatewayOptions;

  constructor(options: GatewayOptions = {}) {
    this.options = options;
    this.address = (options.address ?? '192.168.1.1') as IpAddress;
  }

  searchAnswer(): Uint8Array {
    const device = this.options.device ?? 'urn:schemas-upnp-org:device:InternetGatewayDevice:1';
    const location = this.options.location ?? `http://${this.address}:5000/root.xml`;
    return encodeUtf8(
      `HTTP/1.1 200 OK\r\nST: ${device}\r\nUSN: uuid:1::${device}\r\nLOCATION: ${location}\r\nSERVER: t\r\n\r\n`,
    );
  }

  /** Undefined: silence. */
  answer(request: HttpRequest): HttpAnswer | undefined {
    if (request.method === 'GET')
      return this.#reply('description', new Map(), () => this.#describe());
    const envelope = parseXml(request.body);
    if (envelope instanceof DecodeFailure) return { status: 400, body: '' };
    const action = envelope.children[0]?.children[0];
    if (action === undefined) return { status: 400, body: '' };
    const values = new Map(action.children.map(({ name, text }) => [name, text]));
    return this.#reply(action.name, values, () => this.#act(action, values));
  }

  #reply(
    action: string,
    values: ReadonlyMap<string, string>,
    usual: () => Record<string, string> | number | HttpAnswer,
  ): HttpAnswer | undefined {
    const port = values.get('NewExternalPort');
    this.log.push(port === undefined ? action : `${action} ${port}`);
    const answer = this.options.instead?.(action, values) ?? usual();
    if (answer === 'silence') return undefined;
    if (typeof answer === 'number') return { status: 500, body: fault(answer) };
    if ('status' in answer && typeof answer.status === 'number') return answer as HttpAnswer;
    const inside = Object.entries(answer as Record<string, string>)
      .map(([name, value]) => `<${name}>${value}</${name}>`)
      .join('');
    const response = `<u:${action}Response xmlns:u="${urn}">${inside}</u:${action}Response>`;
    return { status: 200, body: envelope(response) };
  }

  #describe(): HttpAnswer {
    const service = this.options.service ?? urn;
    const body = `<root><device><friendlyName>test</friendlyName><serviceList><service><serviceType>${service}</serviceType><controlURL>/ctl</controlURL></service></serviceList></device></root>`;
    return { status: 200, body };
  }

  #act(action: XmlElement, values: ReadonlyMap<string, string>): Record<string, string> | number {
    const port = Number(values.get('NewExternalPort'));
    const entry = this.table.get(port);
    switch (action.name) {
      case 'GetStatusInfo':
        return { NewConnectionStatus: this.options.status ?? 'Connected' };
      case 'GetExternalIPAddress':
        return { NewExternalIPAddress: this.options.external ?? '198.51.99.9' };
      case 'AddPortMapping':
        return this.#add(action, port) ? {} : 718;
      case 'AddAnyPortMapping': {
        let free = port;
        while (!this.#add(action, free)) free += 1;
        return { NewReservedPort: String(free) };
      }
      case 'GetSpecificPortMappingEntry':
        if (entry === undefined) return 714;
        return {
          NewInternalPort: String(entry.internalPort),
          NewInternalClient: entry.client,
          NewEnabled: '1',
          NewPortMappingDescription: entry.description,
          NewLeaseDuration: String(entry.lease),
        };
      case 'DeletePortMapping':
        return this.table.delete(port) ? {} : 714;
      default:
        return 401;
    }
  }

  #add(action: XmlElement, port: number): boolean {
    const client = childText(action, 'NewInternalClient');
    const held = this.table.get(port);
    if (held !== undefined && held.client !== client) return false;
    const asked = Number(childText(action, 'NewLeaseDuration'));
    this.table.set(port, {
      client,
      internalPort: Number(childText(action, 'NewInternalPort')),
      description: childText(action, 'NewPortMappingDescription'),
      lease: this.options.grants?.(asked) ?? asked,
    });
    return true;
  }
}

export function envelope(inside: string): string {
  return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${inside}</s:Body></s:Envelope>`;
}

function fault(code: number): string {
  return envelope(
    `<s:Fault><detail><UPnPError><errorCode>${code}</errorCode></UPnPError></detail></s:Fault>`,
  );
}

/** A method on a LAN of gateways, in virtual time. */
export class InMemoryLan {
  readonly gateway = '192.168.1.1' as IpAddress;
  readonly self = '192.168.1.5' as IpAddress;
  readonly internalPort = 41_641;
  readonly random = new SeededRandom(7);
  /** All that the method said but sends and requests. */
  readonly said: MethodOutput[] = [];
  readonly sent: Endpoint[] = [];
  readonly requests: HttpRequest[] = [];
  readonly gateways: InMemoryGateway[];
  readonly counters: Counters;
  readonly #method: MappingMethod;
  #inputs: { readonly at: Instant; readonly input: MethodInput }[] = [];
  now = 1_000 as Instant;

  constructor(method: MappingMethod, counters: Counters, gateways: InMemoryGateway[]) {
    this.#method = method;
    this.counters = counters;
    this.gateways = gateways;
  }

  begin(): void {
    const { gateway, self, internalPort } = this;
    this.tell({ type: 'begin', gateway, self, internalPort });
  }

  tell(input: MethodInput): void {
    this.#method.handle(input, this.now);
    for (let output = this.#method.poll(); output !== undefined; output = this.#method.poll()) {
      this.#carry(output);
    }
  }

  /** Lets `ms` pass. */
  run(ms: number): void {
    const until = after(this.now, ms);
    for (;;) {
      this.#inputs.sort((a, b) => a.at - b.at);
      const next = this.#inputs[0];
      const at = earliest(next?.at, this.#method.nextTimeout());
      if (at === undefined || at > until) break;
      this.now = at > this.now ? at : this.now;
      if (next !== undefined && next.at <= at) {
        this.#inputs.shift();
        this.tell(next.input);
      } else {
        this.tell({ type: 'timeout' });
      }
    }
    this.now = until;
  }

  /** The latest that it said, of that kind. */
  last<Type extends MethodOutput['type']>(
    type: Type,
  ): Extract<MethodOutput, { readonly type: Type }> | undefined {
    const all = this.said.filter((output) => output.type === type);
    return all.at(-1) as Extract<MethodOutput, { readonly type: Type }> | undefined;
  }

  #later(ms: number, input: MethodInput): void {
    this.#inputs.push({ at: after(this.now, ms), input });
  }

  #carry(output: MethodOutput): void {
    if (output.type === 'send') this.#search(output.target);
    else if (output.type === 'http') this.#ask(output.request);
    else this.said.push(output);
  }

  #search(target: Endpoint): void {
    this.sent.push(target);
    for (const gateway of this.gateways) {
      const { latencyMs = 1, ssdpSource = `${gateway.address}:1900` } = gateway.options;
      const hears = target.startsWith('239.') || endpointAddress(target) === gateway.address;
      const source = ssdpSource as Endpoint;
      if (hears)
        this.#later(latencyMs, { type: 'datagram', source, bytes: gateway.searchAnswer() });
    }
  }

  #ask(request: HttpRequest): void {
    this.requests.push(request);
    const { id, timeoutMs } = request;
    const gateway = this.gateways.find(({ address }) => request.host === endpoint(address, 5000));
    const answer = gateway?.answer(request);
    const latencyMs = gateway?.options.latencyMs ?? 1;
    if (answer === undefined || latencyMs > timeoutMs) {
      this.#later(timeoutMs, { type: 'http-failed', id, reason: 'no answer' });
    } else {
      this.#later(latencyMs, { type: 'http-answer', id, ...answer });
    }
  }
}

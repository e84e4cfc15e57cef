/**
 * Asks a router for a port, by each protocol in turn. Runs inside machines:
 *
 *     node port-mapping-probe.js ROUTER CLIENT PORT     prints one line, a {@link PortMappingReport}
 *
 * CLIENT is the machine's own address. PORT is the first of three outside ports that it wishes for CLIENT's
 * port PORT: PORT by PCP, then NAT-PMP, then UPnP. Over IPv6 there is nothing but PCP, which opens PORT.
 */
import { createSocket } from 'node:dgram';
import {
  decodeLocation,
  decodeNatpmpAddress,
  decodeNatpmpMap,
  decodePcpMap,
  encodeNatpmpMap,
  encodePcpMap,
  encodeSearch,
  MAPPING_PORT,
  type MapAnswer,
  SSDP_PORT,
} from './port-mapping-wire.js';

/** What the probe prints; null: silence. */
export interface PortMappingReport {
  readonly pcp: MapAnswer | null;
  readonly natpmp: MapAnswer | null;
  readonly upnp: MapAnswer | null;
}

/** A router is a wire away, but the computer may be busy; a lost datagram is sent again after this. */
const RESEND_MS = 500;
const TRIES = 4;

/** Sends until something that `decode` understands comes from that port of the router. */
async function ask<T>(
  router: string,
  port: number,
  question: Buffer,
  decode: (bytes: Buffer) => T | undefined,
): Promise<T | undefined> {
  const socket = createSocket(router.includes(':') ? 'udp6' : 'udp4');
  try {
    return await new Promise<T | undefined>((resolve) => {
      let sent = 0;
      const send = (): void => {
        if (sent++ < TRIES) socket.send(question, port, router);
        else resolve(undefined);
      };
      const timer = setInterval(send, RESEND_MS);
      socket.on('close', () => clearInterval(timer));
      socket.on('message', (bytes, from) => {
        const answer = from.address === router ? decode(bytes) : undefined;
        if (answer !== undefined) resolve(answer);
      });
      socket.on('error', () => resolve(undefined));
      send();
    });
  } finally {
    socket.close();
  }
}

const service = 'urn:schemas-upnp-org:service:WANIPConnection:1';

/** One action of the router's WANIPConnection; its answer's text. */
async function act(location: string, action: string, args: Record<string, string>) {
  const description = await (await fetch(location)).text();
  const path = /WANIPConnection:[12]<[\s\S]*?<controlURL>([^<]+)</.exec(description)?.[1] ?? '';
  const fields = Object.entries(args).map(([name, value]) => `<${name}>${value}</${name}>`);
  const body = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:${action} xmlns:u="${service}">${fields.join('')}</u:${action}></s:Body></s:Envelope>`;
  const headers = { 'content-type': 'text/xml', soapaction: `"${service}#${action}"` };
  const answer = await fetch(new URL(path, location), { method: 'POST', headers, body });
  return { status: answer.status, text: await answer.text() };
}

async function mapByUpnp(router: string, client: string, port: number): Promise<MapAnswer | null> {
  const location = await ask(router, SSDP_PORT, encodeSearch(router), decodeLocation);
  if (location === undefined) return null;
  const made = await act(location, 'AddPortMapping', {
    NewRemoteHost: '',
    NewExternalPort: String(port + 2),
    NewProtocol: 'UDP',
    NewInternalPort: String(port),
    NewInternalClient: client,
    NewEnabled: '1',
    NewPortMappingDescription: 'probe',
    NewLeaseDuration: '3600',
  });
  const told = await act(location, 'GetExternalIPAddress', {});
  const externalAddress = /<NewExternalIPAddress>([^<]*)</.exec(told.text)?.[1] ?? '';
  return { result: made.status - 200, externalAddress, externalPort: port + 2, epochSeconds: 0 };
}

const [router, client, first] = process.argv.slice(2);
if (router === undefined || client === undefined || first === undefined) {
  throw new Error('usage: port-mapping-probe ROUTER CLIENT PORT');
}
const port = Number(first);
const wish = { client, internalPort: port };
const pcp = await ask(
  router,
  MAPPING_PORT,
  encodePcpMap({ ...wish, externalPort: port }),
  decodePcpMap,
);
const isIpv6 = router.includes(':');
const natpmp = isIpv6
  ? undefined
  : await ask(
      router,
      MAPPING_PORT,
      encodeNatpmpMap({ ...wish, externalPort: port + 1 }),
      decodeNatpmpMap,
    );
const externalAddress = isIpv6
  ? undefined
  : await ask(router, MAPPING_PORT, Buffer.alloc(2), decodeNatpmpAddress);
const report: PortMappingReport = {
  pcp: pcp ?? null,
  natpmp:
    natpmp === undefined
      ? null
      : { ...natpmp, ...(externalAddress === undefined ? {} : { externalAddress }) },
  upnp: isIpv6 ? null : await mapByUpnp(router, client, port),
};
process.stdout.write(`${JSON.stringify(report)}\n`);

/**
 * SOAP 1.1 as a router speaks it (UPnP Device Architecture 1.1 §3): the action of a request with its arguments,
 * and answers and faults.
 */

export interface SoapAction {
  readonly service: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, string>>;
}

/** The action that a POST asks for; undefined: it is malformed. */
export function parseSoapAction(header: string, body: string): SoapAction | undefined {
  const [, service, name] = /^"([^"#]+)#(\w+)"$/.exec(header) ?? [];
  if (service === undefined || name === undefined) return undefined;
  const element = new RegExp(`<\\w+:${name}\\b[^>]*?(?:/>|>([\\s\\S]*)</\\w+:${name}>)`).exec(body);
  if (element === null) return undefined;
  const args: Record<string, string> = {};
  for (const [, key = '', text = ''] of (element[1] ?? '').matchAll(
    /<(\w+)[^>]*?(?:\/>|>([^<]*)<\/\1>)/g,
  )) {
    args[key] = unescapeText(text.trim());
  }
  return { service, name, arguments: args };
}

export function soapAnswer(action: SoapAction, values: Readonly<Record<string, string>>): string {
  const inside = Object.entries(values).map(
    ([key, value]) => `<${key}>${escapeText(value)}</${key}>`,
  );
  return envelope(
    `<u:${action.name}Response xmlns:u="${action.service}">${inside.join('')}</u:${action.name}Response>`,
  );
}

export function soapFault(code: number, description: string): string {
  return envelope(
    '<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>' +
      `<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode>` +
      `<errorDescription>${escapeText(description)}</errorDescription></UPnPError></detail></s:Fault>`,
  );
}

function envelope(inside: string): string {
  return (
    '<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' +
    `<s:Body>${inside}</s:Body></s:Envelope>\r\n`
  );
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function unescapeText(text: string): string {
  const plain = text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"');
  return plain.replaceAll('&apos;', "'").replaceAll('&amp;', '&');
}

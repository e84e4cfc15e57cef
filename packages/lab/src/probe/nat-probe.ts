/**
 * Finds out how the NAT in front of a machine maps and filters. Runs inside machines, against a host with
 * `echo-server.ts`:
 *
 *     node nat-probe.js LOCAL-ADDRESS LOCAL-PORT ADDRESS1 ADDRESS2      prints one line, a {@link NatReport}
 *
 * Behind a NAT64 LOCAL-ADDRESS is of IPv6, and so are the addresses, of the prefix that it translates.
 *
 * Mapping is asked from LOCAL-PORT, filtering from the port after it, which must not have sent to ADDRESS2.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  classifyFiltering,
  classifyMapping,
  type Filtering,
  type Mapping,
  type Observed,
} from './classify.js';
import { type AnswerFrom, type ProbeAnswer, type ProbeRequest, probePort } from './wire.js';

/** What the probe prints. */
export interface NatReport {
  readonly local: string;
  /** What A, A', B and B' saw. */
  readonly seen: Observed;
  readonly mapping: Mapping;
  readonly filtering: Filtering;
  /** The port outside is the port inside, towards all four. */
  readonly portPreserving: boolean;
}

/** A lab's path takes up to 0.2 s; a lost datagram is sent again after this. */
const resendMs = 300;

/** An answer that has not come after so many tries is being filtered. */
const tries = 3;

class ProbeSocket {
  private readonly socket: Socket;
  private readonly waiting = new Map<number, (answer: ProbeAnswer) => void>();
  private nextId = 1;

  constructor(localAddress: string) {
    this.socket = createSocket(localAddress.includes(':') ? 'udp6' : 'udp4');
  }

  async open(address: string, port: number): Promise<void> {
    this.socket.on('message', (bytes) => {
      const answer = JSON.parse(bytes.toString('utf8')) as ProbeAnswer;
      this.waiting.get(answer.id)?.(answer);
    });
    this.socket.bind(port, address);
    await once(this.socket, 'listening');
  }

  /** What the server at address:port saw; undefined when its answer does not arrive. */
  async ask(address: string, port: number, answerFrom: AnswerFrom): Promise<string | undefined> {
    const id = this.nextId++;
    const request: ProbeRequest = { id, answerFrom };
    const answered = new Promise<string>((resolve) => {
      this.waiting.set(id, ({ seen }) => resolve(seen));
    });
    for (let attempt = 0; attempt < tries; attempt++) {
      this.socket.send(JSON.stringify(request), port, address);
      const seen = await Promise.race([answered, pause(resendMs)]);
      if (seen !== undefined) return seen;
    }
    return undefined;
  }

  close(): void {
    this.socket.close();
  }
}

async function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), ms).unref();
  });
}

async function probe(
  localAddress: string,
  localPort: number,
  first: string,
  second: string,
): Promise<NatReport> {
  const mapped = new ProbeSocket(localAddress);
  await mapped.open(localAddress, localPort);
  const ask = async (address: string, port: number): Promise<string> => {
    const seen = await mapped.ask(address, port, 'same');
    if (seen === undefined) throw new Error(`no answer from ${address}:${port}`);
    return seen;
  };
  const seen: Observed = [
    await ask(first, probePort),
    await ask(first, probePort + 1),
    await ask(second, probePort),
    await ask(second, probePort + 1),
  ];
  mapped.close();

  const filtered = new ProbeSocket(localAddress);
  await filtered.open(localAddress, localPort + 1);
  // Both ask the first address only, so nothing ever opens the way for the second.
  const [fromAddress, fromPort] = await Promise.all([
    filtered.ask(first, probePort, 'other-address'),
    filtered.ask(first, probePort, 'other-port'),
  ]);
  filtered.close();

  const local = `${localAddress}:${localPort}`;
  return {
    local,
    seen,
    mapping: classifyMapping(local, seen),
    filtering: classifyFiltering({
      otherAddress: fromAddress !== undefined,
      otherPort: fromPort !== undefined,
    }),
    portPreserving: seen.every((endpoint) => endpoint.endsWith(`:${localPort}`)),
  };
}

const [localAddress, localPort, first, second] = process.argv.slice(2);
if (localAddress === undefined || first === undefined || second === undefined) {
  throw new Error('usage: nat-probe LOCAL-ADDRESS LOCAL-PORT ADDRESS1 ADDRESS2');
}
const report = await probe(localAddress, Number(localPort), first, second);
process.stdout.write(`${JSON.stringify(report)}\n`);

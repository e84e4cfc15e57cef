/** What to do about what a network check found; only what the report itself backs. */
import { endpointAddress } from '@warren/core/ip/address';
import type { NetworkSummary } from '@warren/core/netcheck/summary';
import { EndpointType } from '@warren/core/netmap/own';

/**
 * Sentences, the most useful first; empty: nothing to improve. `nodePort`: the UDP port that peers would meet,
 * which that of a check without a daemon isn't. `proxy`: what the environment names for HTTPS.
 */
export function adviceOn(
  summary: NetworkSummary,
  nodePort: number | undefined,
  proxy: string | null = null,
): readonly string[] {
  const { report, dialBack, nat } = summary;
  const advice: string[] = [];
  if (report.captivePortal === true) {
    advice.push('A captive portal is in the way: open a web page on this machine and sign in.');
  }
  if (report.udp) {
    advice.push(...adviceOnNat(summary, nodePort));
  } else if (report.regionHttpsLatencyMs.size > 0) {
    advice.push(
      'No UDP gets out and back, so every path goes over a relay: ask who runs the firewall to allow outbound UDP.',
    );
  } else if (report.captivePortal !== true && proxy !== null) {
    advice.push(
      `No relay answers, neither over UDP nor over HTTPS. This machine is told to use the proxy ${proxy}, which Warren does not: ask who runs it to let this machine reach the relays on TCP port 443.`,
    );
  } else if (report.captivePortal !== true) {
    advice.push(
      'No relay answers, neither over UDP nor over HTTPS: see that this machine has a network and a route out of it (`ip route`), and that the relays run.',
    );
  }
  // Behind a NAT that translates, the next thing to do would be the same either way.
  if (dialBack?.reason === 'port-used-lately' && nat.mapping === 'none') {
    advice.push(
      'Whether strangers reach this machine is not known, because its port was in use shortly before this start: stop the daemon for ten minutes to have it proven.',
    );
  }
  return advice;
}

function adviceOnNat(summary: NetworkSummary, nodePort: number | undefined): readonly string[] {
  return [...adviceOnClass(summary, nodePort), ...adviceOnRouter(summary)];
}

function adviceOnClass(
  { report, nat, endpoints, description }: NetworkSummary,
  nodePort: number | undefined,
): readonly string[] {
  const port = nodePort ?? 'the UDP port of this machine';
  const isReached = endpoints.some(({ verified }) => verified === 'yes');
  if (nat.class === 'unknown') {
    return ['One STUN server alone cannot tell how this NAT maps: add a relay at another address.'];
  }
  const isForwarded = endpoints.some(({ type }) => type === EndpointType.static);
  if (nat.class === 'hard' && !isReached && !isForwarded) {
    if (description.cgnat === true) {
      return [
        "A hard NAT of your provider stands between your router and the internet, so opening a port of your router can't help: ask the provider for a public address or IPv6, or connect to machines that are open.",
      ];
    }
    const { globalV4 } = report;
    const address = globalV4 === undefined ? 'PUBLIC_ADDRESS' : endpointAddress(globalV4);
    return [
      `A hard NAT: direct paths need the other side to be open. Forward UDP ${port} to this machine and start its daemon with --static-endpoint ${address}:${port}, or give it a public IPv6 address.`,
    ];
  }
  const isOwn = nat.mapping === 'none';
  const isShut = endpoints.some(
    ({ type, verified }) => type === EndpointType.stun && verified === 'no',
  );
  if (nat.class === 'easy' && isOwn && isShut) {
    return [
      `This machine has a public address, but a firewall lets no stranger in: open inbound UDP ${port}, and machines behind hard NATs get direct paths too.`,
    ];
  }
  return [];
}

/** What a better or better set-up router would do. */
function adviceOnRouter({ nat, endpoints, description }: NetworkSummary): readonly string[] {
  const { pcp, natpmp, upnp, external } = description.portMapping;
  const advice: string[] = [];
  const isOpen = endpoints.some(({ verified }) => verified === 'yes');
  const hasNone = pcp === false && natpmp === false && upnp === false;
  const wouldHelp = nat.class !== 'none' && nat.mapping !== 'none' && !isOpen;
  if (hasNone && wouldHelp && external === undefined && description.cgnat !== true) {
    advice.push(
      'The router maps no ports by itself: switch on UPnP, NAT-PMP or PCP in it, and machines behind hard NATs get direct paths to this one.',
    );
  }
  if (description.ipv4.tablePressure === true) {
    advice.push(
      'The router drops new UDP flows although few are open: its table is small or limited for each machine, so some direct paths will fail; raise the limit, or use another router.',
    );
  }
  return advice;
}

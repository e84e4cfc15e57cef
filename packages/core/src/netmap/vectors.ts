/**
 * The smallest first MapResponse that brings a stock client up: 939 bytes, SHA-256
 * 7f860e50dd89d01347e457053d1e4d3ebd8acb8a8c60d0f4fe1ff7dcc8c38a17.
 *
 * Computed for Warren's protocol notes; re-opened with an independent implementation.
 */
export const MINIMAL_MAP_JSON = [
  '{"Node":{"ID":1,"StableID":"n1-lab","Name":"alpha.net.example.","User":1,"Key":"nodekey:',
  '244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49","Machine":"mkey:07a37c',
  'bc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c","DiscoKey":"discokey:4d27bce',
  'e3135c4944b28d27dd809b07be10c35160d20131caa7e85575498d07c","Addresses":["100.64.0.1/32",',
  '"fd7a:115c:a1e0::1/128"],"AllowedIPs":["100.64.0.1/32","fd7a:115c:a1e0::1/128"],"Machine',
  'Authorized":true,"CapMap":{}},"DERPMap":{"Regions":{"900":{"RegionID":900,"RegionCode":"',
  'lab","RegionName":"Lab","Nodes":[{"Name":"900a","RegionID":900,"HostName":"derp.net.exam',
  'ple"}]}},"omitDefaultRegions":true},"DNSConfig":{"Proxied":true,"Domains":["net.example"',
  ']},"Domain":"net.example","PacketFilters":{"base":[{"SrcIPs":["*"],"DstPorts":[{"IP":"*"',
  ',"Ports":{"First":0,"Last":65535}}]}]},"UserProfiles":[{"ID":1,"LoginName":"ann@net.exam',
  'ple","DisplayName":"Ann"}],"Debug":{"DisableLogTail":true}}',
].join('');

/**
 * Register messages and map frames. Computed for Warren's protocol notes; re-opened with an independent
 * implementation. Node key private 61..80, machine key private 01..20, key bytes consecutive.
 */

export const REGISTER_REQUEST_JSON = [
  '{"Version":145,"NodeKey":"nodekey:244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680e',
  'bfe7adad49","OldNodeKey":"nodekey:000000000000000000000000000000000000000000000000000000',
  '0000000000","NLKey":"nlpub:6c28fd058c18c88c6cce2af981d2d11c851b123ed5b69b7876773ed099ea3',
  'f83","Auth":{"AuthKey":"hskey-auth-abc-def"},"Expiry":"0001-01-01T00:00:00Z","Followup":',
  '"","Hostinfo":{"OS":"linux","Hostname":"alpha","BackendLogID":"x"},"NodeKeySignature":nu',
  'll}',
].join('');

export const REGISTER_RESPONSE_JSON = [
  '{"User":{"ID":1,"DisplayName":"Ann"},"Login":{"ID":1,"Provider":"","LoginName":"ann@net.',
  'example","DisplayName":"Ann"},"NodeKeyExpired":false,"MachineAuthorized":true,"AuthURL":',
  '"","NodeKeySignature":null,"Error":""}',
].join('');

export const KEEP_ALIVE_FRAME = '120000007b224b656570416c697665223a747275657d';
export const KEEP_ALIVE_FRAME_STORED_ZSTD =
  '1b00000028b52ffd20129100007b224b656570416c697665223a747275657d';

/** SHA-256 of the framed minimal map: 943 bytes uncompressed, 953 bytes as a stored zstd frame. */
export const MINIMAL_MAP_FRAME_SHA256 =
  '663e06077b4120adb37dd18d16b614e29ee4d78ae011d59a6a79d64d088d2703';
export const MINIMAL_MAP_FRAME_STORED_ZSTD_SHA256 =
  '535047f49744d0ce08bd801f02b03bf3007759453cfc10b1e253efefda6d8ff0';

export const DELTA_JSON =
  '{"PeersChangedPatch":[{"NodeID":2,"Online":false,"LastSeen":"2026-01-02T03:04:05Z"}]}';
export const DELTA_FRAME_STORED_ZSTD = [
  '5e00000028b52ffd2055a902007b2250656572734368616e6765645061746368223a5b7b224e6f6465494422',
  '3a322c224f6e6c696e65223a66616c73652c224c6173745365656e223a22323032362d30312d30325430333a',
  '30343a30355a227d5d7d',
].join('');

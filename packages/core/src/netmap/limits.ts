/** How much of a control server's word is taken. Beyond a limit entries are dropped and counted. */

/** Peers of one map: twice the largest tailnets known to run one flat list. */
export const peersMax = 20_000;
/** Addresses of one node: one per family today, with room for renumbering. */
export const addressesMax = 8;
/** Routes of one node; subnet routers of large sites announce a few hundred. */
export const allowedIpsMax = 1024;
/** Endpoints of one node; clients report at most a few dozen. */
export const endpointsMax = 64;
/** Tags of one node. */
export const tagsMax = 64;
/** Regions of one DERP map; the largest public one has about thirty. */
export const regionsMax = 512;
/** Relays of one region. */
export const relaysPerRegionMax = 32;
/** Rules of one packet filter; the largest published policies come to a few thousand. */
export const filterRulesMax = 10_000;
/** Sources and targets of all its rules together: every address of the largest tailnet, several times. */
export const filterPrefixesMax = 200_000;
/** Lists that control names. */
export const filterNamesMax = 1024;
/** Resolvers of one list in control's DNS settings. */
export const dnsResolversMax = 16;
/** Suffixes with resolvers of their own. */
export const dnsRoutesMax = 1024;
/** Search domains, and domains of certificates: the C library itself takes no more. */
export const dnsDomainsMax = 64;
/** Extra records of control's. */
export const dnsRecordsMax = 10_000;
/** Capabilities of one node. */
export const capabilitiesMax = 128;
/** Host keys of one node: a kind has one. */
export const sshHostKeysMax = 16;
/** The largest in use, RSA of 16,384 bits, takes 2,800 characters. */
export const sshHostKeyLengthMax = 5000;
/** Warnings of control's that are shown; it has a handful of kinds. */
export const warningsMax = 32;
/** One of them: a paragraph. */
export const warningLengthMax = 1024;
/** The address of a resolver that speaks HTTPS, or one that a person may open. */
export const urlLengthMax = 1024;
/** A DNS name with its trailing dot. */
export const nameLengthMax = 256;
/** Stable ids, region codes, OS names and the like. */
export const labelLengthMax = 128;
/** One key, address, prefix or time as text. */
export const tokenLengthMax = 128;
/** Of what control asks to fetch: its own address and a token. */
export const pingUrlLengthMax = 1024;

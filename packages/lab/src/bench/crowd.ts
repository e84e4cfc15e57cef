/**
 * A crowd in a hub's database, before the hub starts: machines that have joined by the server's own
 * registration and told of themselves what clients tell, and are away. Runs in the hub's place.
 *
 *     node crowd.js STATE-DIRECTORY MACHINES REGION-ID
 */
import { mkdirSync } from 'node:fs';
import { assert } from '@warren/core/base/assert';
import { isFailure } from '@warren/core/base/failure';
import { wallTime } from '@warren/core/base/instant';
import { formatAuthKey } from '@warren/core/control/auth-key';
import { CAP_VERSION } from '@warren/core/control/cap-version';
import { createAuthKey } from '@warren/core/control/server/auth-keys';
import { register } from '@warren/core/control/server/register';
import { decodeMapRequest, decodeRegisterRequest } from '@warren/core/control/server/requests';
import { type ControlState, findNode } from '@warren/core/control/server/state';
import { changesBetween } from '@warren/core/control/server/state-changes';
import { applyLiteUpdate } from '@warren/core/control/server/update';
import { formatPublicKey, generatePrivateKey, publicKeyOf } from '@warren/core/keys/keys';
import { TAILNET } from '@warren/servers/control/admin-input';
import { openDatabase } from '@warren/servers/control/database/open-database';
import { createNodeCrypto } from '@warren/shell/crypto/node-crypto';
import { silentLogger } from '@warren/shell/log';
import { createNodeRandom } from '@warren/shell/random/node-random';

/** Names are of no matter to who carries packets. */
const BASE_DOMAIN = 'warren.internal';
/** As a hub makes its state directory. */
const STATE_MODE = 0o700;

interface Crowd {
  readonly machines: number;
  /** Whose relay they call home. */
  readonly regionId: number;
}

function withCrowd(state: ControlState, { machines, regionId }: Crowd): ControlState {
  const [crypto, random, wall] = [createNodeCrypto(), createNodeRandom(), wallTime(Date.now())];
  const created = createAuthKey(
    state,
    {
      ...{ tailnet: TAILNET, loginName: `crowd@${BASE_DOMAIN}`, displayName: 'crowd' },
      ...{ tags: [], reusable: true, ephemeral: false, expiresAt: undefined },
    },
    crypto,
    random,
    wall,
  );
  assert(created !== undefined, 'a new server has room for a key');
  const authKey = formatAuthKey(created.key);
  let crowded = created.state;
  for (let number = 1; number <= machines; number++) {
    const [machineKey, nodeKey, discoKey] = [
      publicKeyOf(crypto, 'machine', generatePrivateKey('machine', random)),
      publicKeyOf(crypto, 'node', generatePrivateKey('node', random)),
      publicKeyOf(crypto, 'disco', generatePrivateKey('disco', random)),
    ];
    const head = {
      Version: CAP_VERSION,
      NodeKey: formatPublicKey('node', nodeKey),
      Hostinfo: {
        OS: 'linux',
        Hostname: `crowd-${number}`,
        NetInfo: { PreferredDERP: regionId },
      },
    };
    const asked = decodeRegisterRequest({ ...head, Auth: { AuthKey: authKey } });
    const told = decodeMapRequest({
      ...head,
      DiscoKey: formatPublicKey('disco', discoKey),
      Endpoints: [`18.204.${number >> 8}.${number & 255}:41641`],
      EndpointTypes: [2],
    });
    assert(!isFailure(asked) && !isFailure(told), 'what clients send decodes');
    const context = { machineKey, baseDomain: BASE_DOMAIN, crypto, random, wall };
    const joined = register(crowded, asked, context).state;
    const node = findNode(joined, nodeKey);
    assert(node !== undefined, 'a machine with the key joins');
    crowded = applyLiteUpdate(joined, node, told, BASE_DOMAIN);
  }
  return crowded;
}

const [stateDir = '', machines, regionId] = process.argv.slice(2);
mkdirSync(stateDir, { recursive: true, mode: STATE_MODE });
const database = openDatabase(stateDir, silentLogger);
const { state: before } = database.stored;
const after = withCrowd(before, { machines: Number(machines), regionId: Number(regionId) });
database.write(changesBetween(before, after));
database.close();

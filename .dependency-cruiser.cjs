/**
 * The house's import rules: strictly down, core <- netstack; core <- shell <- node, servers; lab and cli on
 * top. Inside core: base -> ip, keys -> crypto -> codecs -> machines -> the two engines, and a machine never
 * imports another machine's folder. scripts/import-rules.test.ts checks that these rules saw every module.
 */
const at = (name) => `^packages/${name}/(src|dist)/`;
const CORE = '^packages/core/src/';

/** A package may import itself and the packages listed. */
const packages = {
  core: [],
  shell: ['core'],
  node: ['core', 'shell'],
  servers: ['core', 'shell'],
  // sim needs nothing of shell but its fast cryptography (docs/adr/0002).
  sim: ['core', 'shell'],
  lab: ['core', 'shell', 'node', 'servers', 'sim'],
  cli: ['core', 'shell', 'node', 'servers', 'sim', 'lab'],
};

/** A folder of core may import itself, core/ports.ts and the folders listed. */
const vocabulary = ['base', 'ip', 'keys', 'crypto', 'engines'];
const codecs = ['stun', 'disco'];
const folders = {
  base: [],
  ip: ['base'],
  keys: ['base'],
  crypto: ['base', 'keys'],
  engines: ['base', 'ip', 'keys'],
  stun: ['base', 'ip', 'crypto'],
  disco: ['base', 'ip', 'keys', 'crypto'],
  netmap: [...vocabulary, 'dns'],
  relay: [...vocabulary, ...codecs],
  offload: ['base'],
  wireguard: vocabulary,
  filter: vocabulary,
  ts2021: vocabulary,
  portmap: vocabulary,
  netcheck: [...vocabulary, ...codecs, 'netmap'],
  why: [...vocabulary, 'netmap', 'netcheck'],
  paths: [...vocabulary, ...codecs, 'netmap'],
  policy: [...vocabulary, 'netmap'],
  control: [...vocabulary, 'netmap', 'policy'],
  dns: vocabulary,
  via: ['base', 'ip'],
  'packet-engine': [...vocabulary, ...codecs, 'wireguard', 'filter', 'via'],
  'path-engine': [...vocabulary, ...codecs, 'netmap', 'netcheck', 'paths', 'portmap', 'why'],
};

const packageRules = Object.entries(packages).map(([name, allowed]) => ({
  name: `package-${name}`,
  severity: 'error',
  from: { path: at(name), pathNot: '\\.test\\.ts$' },
  to: { path: '^packages/', pathNot: [name, ...allowed].map(at) },
}));

const folderRules = Object.entries(folders).map(([name, allowed]) => ({
  name: `core-${name}`,
  severity: 'error',
  from: { path: `${CORE}${name}/`, pathNot: '\\.test\\.ts$' },
  to: {
    path: CORE,
    pathNot: [`${CORE}(${[name, ...allowed].join('|')})/`, `${CORE}ports\\.ts$`],
  },
}));

module.exports = {
  forbidden: [
    ...packageRules,
    ...folderRules,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'core-has-no-node',
      severity: 'error',
      from: { path: CORE, pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      // It judges what the engines reach, so it may know nothing of how they try: the profiles' truth, and arithmetic.
      name: 'the-oracle-stands-alone',
      severity: 'error',
      from: { path: '^packages/sim/src/matrix/oracle(-sides)?\\.ts$' },
      to: { pathNot: '^packages/sim/src/matrix/(oracle-sides|profile)\\.ts$' },
    },
    {
      name: 'nothing-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.tests.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
      extensions: ['.ts', '.js'],
    },
  },
};

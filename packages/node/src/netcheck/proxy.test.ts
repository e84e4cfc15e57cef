import { expect, test } from 'vitest';
import { environmentProxy } from './proxy.js';

test.each([
  [{}, null],
  [{ HTTPS_PROXY: '' }, null],
  [{ HTTPS_PROXY: 'http://proxy.example.com:3128' }, 'http://proxy.example.com:3128'],
  [{ https_proxy: 'proxy.example.com:3128' }, 'http://proxy.example.com:3128'],
  [{ HTTPS_PROXY: 'http://ann:secret@proxy.example.com:3128/' }, 'http://proxy.example.com:3128'],
  [{ all_proxy: 'socks5://10.0.0.1:1080' }, 'socks5://10.0.0.1:1080'],
  [{ HTTPS_PROXY: 'http://[bad' }, null],
  [{ HTTP_PROXY: 'http://proxy.example.com:3128' }, null],
])('%j names %s', (env, proxy) => {
  expect(environmentProxy(env)).toBe(proxy);
});

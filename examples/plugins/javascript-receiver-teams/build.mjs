// Makes build/teams.wasm out of plugin.js and what it imports.

import { mkdir, writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';

const { component } = await componentize({
  sourcePath: 'plugin.js',
  witPath: 'wit',
  worldName: 'receiver-plugin',
  // `fetch` needs the features http and clocks. The others are of no use to a plugin, and a host that answers requests
  // with it is not what this one is.
  disableFeatures: ['random', 'stdio', 'fetch-event'],
});
await mkdir('build', { recursive: true });
await writeFile('build/teams.wasm', component);

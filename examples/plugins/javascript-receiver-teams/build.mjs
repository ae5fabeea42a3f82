// Makes build/teams.wasm out of plugin.js and what it imports.

import { mkdir, writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';

const { component } = await componentize({
  sourcePath: 'plugin.js',
  witPath: 'wit',
  worldName: 'receiver-plugin',
  // A plugin has no clock, no chance and no network but what the host hands to it.
  disableFeatures: ['random', 'stdio', 'clocks', 'http', 'fetch-event'],
});
await mkdir('build', { recursive: true });
await writeFile('build/teams.wasm', component);

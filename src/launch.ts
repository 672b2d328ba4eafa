#!/usr/bin/env -S node --
// without the `--`, Node takes our --env-file for its own, wherever it stands
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeFolder, compiledLoader } from './compiled.ts';

const folder = dirname(fileURLToPath(import.meta.url));
const code = codeFolder(process.env, { build: process.env.BERTH_BUILD ?? '', verb: process.argv[2] });
const { program } = compiledLoader(folder, code)('./program.js') as typeof import('./main.ts');
void program().then(() => {
  const { stdout, stderr } = process;
  // all that was promised is done; taking everything down in order takes longer than the end of a process
  if (stdout.writableLength + stderr.writableLength === 0) process.exit();
});

#!/usr/bin/env -S node --
// without the `--`, Node takes our --env-file for its own, wherever it stands
import { main } from './cli/cli.ts';
import { BerthError } from './core/errors.ts';
import { wire } from './wiring.ts';

const { argv, env, execPath, stdout, stderr } = process;

// no top-level await: the program is built as CommonJS, see scripts/build.mjs
void run();

async function run(): Promise<void> {
  try {
    const deps = wire({ env, cwd: process.cwd(), self: [execPath, '--', argv[1] ?? ''] });
    process.exitCode = await main(argv.slice(2), deps, { stdout, stderr });
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    stderr.write(`berth: ${error.code}: ${error.message}\n${error.hint}\n`);
    process.exitCode = error.exitCode;
  }
}

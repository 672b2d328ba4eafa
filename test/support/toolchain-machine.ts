import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findToolchain } from '../../src/contexts/toolchain.ts';
import type { VenvRequest } from '../../src/core/context.ts';
import { localHost } from '../../src/hosts/local.ts';
import { aTree } from './tree.ts';

export const AUTO: VenvRequest = { kind: 'auto' };

/** A project and a home directory; programs are scripts in `bin` of the home, which alone is on PATH. */
export function aMachine(
  files: Readonly<Record<string, string>>,
  programs: Readonly<Record<string, string>> = {},
) {
  const root = aTree(files);
  const home = aTree({ 'bin/': '' }, 'no git');
  for (const [name, text] of Object.entries(programs)) program(join(home, 'bin', name), text);
  const environment = { PATH: join(home, 'bin'), HOME: home };
  const find = (request: VenvRequest = AUTO, dir = root, extra: Readonly<Record<string, string>> = {}) =>
    findToolchain(dir, request, {
      environment: { ...environment, ...extra },
      home,
      host: localHost(),
    });
  return { root, home, find };
}

export function program(path: string, text = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

export function aVenv(dir: string): string {
  program(join(dir, 'bin/python'));
  writeFileSync(join(dir, 'pyvenv.cfg'), 'home = /usr/bin\n');
  return dir;
}

export function aConda(dir: string): string {
  program(join(dir, 'bin/python'));
  mkdirSync(join(dir, 'conda-meta'));
  return dir;
}

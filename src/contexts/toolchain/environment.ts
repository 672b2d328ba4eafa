import { join } from 'node:path';
import type { Toolchain } from '../../core/context.ts';
import { kindOf } from '../detect/files.ts';
import { isExecutable } from './search.ts';

/** A virtual environment, or a conda environment made with `--prefix`; null when there is none at this path. */
export function environmentAt(dir: string, reason: string, kind = 'venv'): Toolchain | null {
  const bin = join(dir, 'bin');
  if (!isExecutable(join(bin, 'python'))) return null;
  if (kindOf(join(dir, 'conda-meta')) === 'directory') {
    return { kind: 'conda', dir, path: [bin], env: { CONDA_PREFIX: dir }, reason };
  }
  if (kindOf(join(dir, 'pyvenv.cfg')) !== 'file') return null;
  return { kind, dir, path: [bin], env: { VIRTUAL_ENV: dir }, reason };
}

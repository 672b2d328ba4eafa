import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** One guard taken out of the source, as somebody might who finds it superfluous. */
export interface Mutant {
  readonly name: string;
  readonly file: RegExp;
  readonly from: string;
  readonly to: string;
}

/** Bundles with the guard taken out; throws when the source has no such text any more. */
export function without({ name, file, from, to }: Mutant): Plugin {
  return {
    name: `without ${name}`,
    setup(build) {
      build.onLoad({ filter: file }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        if (!source.includes(from)) throw new Error(`${path} has no longer: ${from}`);
        return { contents: source.replace(from, to), loader: 'ts' };
      });
    },
  };
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'the fence of a lease is compared',
    file: /stores\/transitions\.ts$/,
    from: 'row?.fence === lease.fence && (row.state',
    to: 'row && (row.state',
  },
  {
    name: 'a task grows a new fence when it is handed out',
    file: /stores\/claims\.ts$/,
    from: 'const fence = row.fence + 1;',
    to: 'const fence = row.fence;',
  },
  {
    name: 'a start is refused unless the lease is the current one',
    file: /stores\/claims\.ts$/,
    from: "if (!row) return 'lost';\n  if (row.state === 'assigned')",
    to: "if (!row) return 'kept';\n  if (row.state === 'assigned')",
  },
];

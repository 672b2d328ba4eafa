import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** A guard taken out of the source, as somebody might who finds it superfluous. */
export interface Mutant {
  readonly name: string;
  /** All places that hold the guard up: some stand behind each other. */
  readonly edits: readonly Edit[];
  /** What the tables themselves would not let happen. */
  readonly sql?: string;
}

interface Edit {
  readonly file: RegExp;
  readonly from: string;
  readonly to: string;
}

/** Bundles with the guard taken out; throws when the source has no such text any more. */
export function without({ name, edits }: Mutant): Plugin {
  return {
    name: `without ${name}`,
    setup(build) {
      for (const { file } of edits) {
        build.onLoad({ filter: file }, async ({ path }) => {
          let contents = await readFile(path, 'utf8');
          for (const { from, to } of edits.filter((edit) => edit.file.source === file.source)) {
            if (!contents.includes(from)) throw new Error(`${path} has no longer: ${from}`);
            contents = contents.replace(from, to);
          }
          return { contents, loader: 'ts' };
        });
      }
    },
  };
}

const transitions = /stores\/transitions\.ts$/;
const leases = /stores\/leases\.ts$/;
const adoption = /stores\/adopt\.ts$/;
const assigning = /stores\/assign\.ts$/;
const claims = /stores\/claims\.ts$/;
const dialect = /postgres\/dialect\.ts$/;

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'the fence of a lease is compared',
    edits: [{ file: transitions, from: 'row?.fence === lease.fence && (row.state', to: 'row && (row.state' }],
  },
  {
    name: 'a start is refused when the lease is not the current one',
    edits: [
      {
        file: leases,
        from: "if (!row) return 'lost';\n  return row.stop_requested",
        to: "if (!row) return 'kept';\n  return row.stop_requested",
      },
    ],
  },
  {
    name: 'one worker at a time matches, and writes only what it has read',
    edits: [
      { file: dialect, from: "unlocked: 'for update skip locked'", to: "unlocked: ''" },
      {
        file: dialect,
        from: 'alone: () => put(`select pg_advisory_xact_lock(${lock.join',
        to: 'alone: () => put(`select 1, (${lock.join',
      },
      {
        file: transitions,
        from: 'and tasks.id = given.id and tasks.state = given.was_state and tasks.fence = given.was_fence`',
        to: 'and tasks.id = given.id`',
      },
      {
        file: assigning,
        from: "from ${dialect.rows(['id', 'attempt', ...columns])}`",
        to: "from ${dialect.rows(['id', 'attempt', ...columns])} on conflict do nothing`",
      },
    ],
    sql: 'alter table sessions drop constraint sessions_current_task_id_key',
  },
  {
    name: 'another host is given up only after its lease has ended',
    edits: [
      { file: adoption, from: 'and lease_until_ms < :nowMs', to: 'and lease_until_ms - 86400000 < :nowMs' },
    ],
  },
  {
    name: 'a task waits for all that it names',
    edits: [{ file: claims, from: 'ready = 0 and waiting_for = 0 and', to: 'ready = 0 and' }],
  },
];

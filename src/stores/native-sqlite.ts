import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DatabaseSync } from '@photostructure/sqlite';
import { BerthError, messageOf } from '../core/errors.ts';

/** What both SQLite libraries offer: Node's own, and the one that travels with berth. */
export interface SqliteLibrary {
  readonly DatabaseSync: typeof DatabaseSync;
}

/**
 * The SQLite that travels with berth, for a Node.js that has none or an old one.
 *
 * Only the compiled library is loaded: its JavaScript wrapper adds nothing that is used here and
 * costs 6 ms at every start.
 *
 * @throws {BerthError} `STATE_UNSUPPORTED` on a platform without a prebuilt library
 */
export function loadNativeSqlite(): SqliteLibrary {
  const require = createRequire(import.meta.url);
  const folder = join(prebuildsFolder(require), `${process.platform}-${process.arch}`);
  const problems: string[] = [];
  for (const libc of ['glibc', 'musl']) {
    try {
      return require(join(folder, `@photostructure+sqlite.${libc}.node`));
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  throw new BerthError(
    `No SQLite library for ${process.platform}-${process.arch} could be loaded from ${folder}.`,
    {
      code: 'STATE_UNSUPPORTED',
      hint: 'Use Node.js 24 or newer, which brings its own SQLite.',
      cause: new Error(problems.join('; ')),
    },
  );
}

/** `dist/prebuilds` in the published package, the npm package when run from source. */
function prebuildsFolder(require: NodeJS.Require): string {
  const beside = fileURLToPath(new URL('../prebuilds', import.meta.url));
  return existsSync(beside)
    ? beside
    : join(dirname(require.resolve('@photostructure/sqlite/package.json')), 'prebuilds');
}

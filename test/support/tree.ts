import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * A directory with these files, for one test; `.git` is there unless it is left out. A name that ends with `/`
 * is a directory.
 */
export function aTree(files: Readonly<Record<string, string>>, git: 'git' | 'no git' = 'git'): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'berth-tree-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  if (git === 'git') mkdirSync(join(root, '.git'));
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(name.endsWith('/') ? path : dirname(path), { recursive: true });
    if (!name.endsWith('/')) writeFileSync(path, text);
  }
  return root;
}

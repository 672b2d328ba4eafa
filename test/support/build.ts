import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the bundled program. */
    readonly program: string;
  }
}

/** Bundles the program once for all tests that run it as a process. */
export default function setup(project: TestProject): () => void {
  const out = mkdtempSync(join(tmpdir(), 'berth-test-build-'));
  const script = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url));
  // tests run it as other users, too
  chmodSync(out, 0o755);
  execFileSync(process.execPath, [script, out], { stdio: 'inherit' });
  // of a build that goes with the tests
  process.env['NODE_COMPILE_CACHE'] = join(out, 'code');
  project.provide('program', join(out, 'lib', 'berth.js'));
  return () => rmSync(out, { recursive: true, force: true });
}

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Somebody else, whose podman is rootless. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Put in front of a command, it runs as this user. */
  readonly prefix: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The user of test/engines/podman-rootless.sh. From now on `podman` is this user's, to the whole test file. */
export function rootlessUser(): User {
  const program = process.env.BERTH_TEST_ROOTLESS ?? '';
  const dirs = (process.env.PATH ?? '').split(':');
  const PATH = dirs.filter((dir) => !dir.includes('/berth-rootless-')).join(':');
  const number = (option: string) => Number(execFileSync(program, ['id', option], { cwd: '/' }));
  const folder = mkdtempSync(join(tmpdir(), 'berth-rootless-'));
  // the user may not enter every directory of ours
  writeFileSync(join(folder, 'podman'), `#!/bin/sh\ncd /\nPATH='${PATH}' exec ${program} podman "$@"\n`);
  chmodSync(join(folder, 'podman'), 0o755);
  process.env.PATH = `${folder}:${PATH}`;
  return { uid: number('-u'), gid: number('-g'), prefix: [program], env: { PATH } };
}

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { localWorld } from '../../src/contexts/resolve/local-world.ts';
import { asked, madeUp, request } from '../../src/contexts/resolve/made-up.ts';
import type { ContainerRequest } from '../../src/core/context.ts';
import { explainTask } from '../../src/explaining.ts';
import { localHost } from '../../src/hosts/local.ts';
import { cliInspector } from '../../src/runtimes/inspector.ts';
import { runAsOf } from '../../src/runtimes/owned.ts';
import { describeWith } from '../support/engines.ts';

// What `berth explain` prints is pasted into a shell.

const IMAGE = 'berth-busybox:latest';
const AWKWARD = `it's "$HOME" \\ * \n two`;
const host = localHost();
const top = realpathSync(mkdtempSync(join(tmpdir(), "berth-paste it's ")));
const dir = join(top, 'sub dir');
mkdirSync(dir);
afterAll(() => rmSync(top, { recursive: true, force: true }));

const world = localWorld({
  host,
  environment: process.env,
  home: join(top, 'state'),
  inspector: (engine) => cliInspector(host, engine),
  probe: madeUp({}).probe,
  kubernetes: madeUp({}).kubernetes,
  dryRun: true,
});

/** The lines that the pasted command prints. */
async function paste(options: Partial<ContainerRequest> | null, line: string): Promise<readonly string[]> {
  const { command, error } = await explainTask({
    world,
    request: request(dir, {
      container: options && asked(options),
      env: { AWKWARD, TOKEN: 'hidden' },
      prereqs: ['echo "first in $PWD"; export LOST=1', 'echo second'],
    }),
    payload: { kind: 'argv', argv: ['sh', '-c', line, 'name', 'an argument', ''] },
    runAs: (container, workdir) => runAsOf(host, container, workdir),
  });
  expect(error).toBeNull();
  expect(command?.display).not.toContain('hidden');
  const env = { ...process.env, TOKEN: 'of the reader' };
  const text = execFileSync('sh', ['-c', command?.display ?? ''], { cwd: '/', env, encoding: 'utf8' });
  return text.trimEnd().split('\n-\n');
}

const SHOW = String.raw`printf '%s\n-\n' "$AWKWARD" "$TOKEN" "$PWD" "$#" "$1" "$(id -u)"`;

function shown(place: string, uid: number | string) {
  return [`first in ${place}\nsecond\n${AWKWARD}`, 'of the reader', place, '2', 'an argument', `${uid}`];
}

test('on the host', async () => {
  const [first, ...rest] = await paste(null, SHOW);

  // a secret is exported by nobody but the reader
  expect([first, ...rest.map((text) => text.replace(/\n-$/, ''))]).toEqual(
    shown(dir, process.getuid?.() ?? ''),
  );
});

describeWith(['docker'], 'a pasted command', () => {
  const name = `berth-paste-${process.pid}`;
  beforeAll(() => {
    const where = `--mount=type=bind,"source=${top}",target=/app`;
    const options = ['--detach', '--init', '--network=none', '--user=7:7', where, '--name', name];
    execFileSync('docker', ['run', ...options, IMAGE, 'sleep', '10000']);
  });
  afterAll(() => void execFileSync('docker', ['rm', '--force', name]));

  test('enters a running container', async () => {
    const lines = await paste({ name }, SHOW);

    expect(lines.map((text) => text.replace(/\n-$/, ''))).toEqual(shown('/app/sub dir', 7));
  });

  test('starts a new container as the caller, in the same place', async () => {
    const lines = await paste({ image: IMAGE }, SHOW);

    expect(lines.map((text) => text.replace(/\n-$/, ''))).toEqual(shown(dir, process.getuid?.() ?? ''));
  });
});

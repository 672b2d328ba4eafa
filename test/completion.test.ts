import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { berthInProcess } from './support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-completion-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('what may stand at the cursor', () => {
  test.each([
    [['serv'], ['services']],
    [['help', 'sho'], ['show']],
    [
      ['send', '--work'],
      ['--workdir', '--worktree'],
    ],
    [['send', '--workdir', ''], [':dirs']],
    [['send', '--env-file', 'x'], [':files']],
    [
      ['send', '--container-type', 'do'],
      ['docker', 'docker_compose'],
    ],
    [
      ['send', '--container-type=do'],
      ['--container-type=docker', '--container-type=docker_compose'],
    ],
    [
      ['send', '--container-type', '=', 'do'],
      ['docker', 'docker_compose'],
    ],
    [['send', '-e', ''], []],
    [['run', '--', ''], [':command']],
    [['run', 'ls', '--js'], [':files']],
    [['run', '--', 'ls', 'x'], [':files']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['completion', 'bash', ''], []],
    [['nonsense', ''], []],
    [['constructor', ''], []],
  ])('after berth %j: %j', async (words, expected) => {
    expect(await complete(words)).toEqual(expected);
  });

  test('the ids of tasks, newest first, with their commands', async () => {
    const home = join(folder, 'tasks');
    await berthInProcess(['send', 'echo first'], { home, cwd: folder });
    await berthInProcess(['send', 'echo\tsecond'], { home, cwd: folder });

    const { stdout } = await berthInProcess(['__complete', 'show', ''], { home, cwd: folder });

    expect(stdout).toBe('2\techo\\tsecond\n1\techo first\n');
  });

  test('the services of this directory', async () => {
    const web = { name: 'web', image: 'nginx', build: null, profiles: [], state: null, container_id: null };
    const services = async () => ({ services: [web], warnings: [] });
    const { stdout } = await berthInProcess(['__complete', 'run', '--container-service', 'w'], {
      home: join(folder, 'none'),
      cwd: folder,
      deps: { contexts: { services } as never },
    });

    expect(stdout).toBe('web\tnginx\n');
  });

  test('a failure completes nothing and says nothing', async () => {
    expect(await complete(['run', '--container-service', 'w'])).toEqual([]);
  });
});

const SHELLS: readonly (readonly [string, readonly string[]])[] = [
  [
    'bash',
    [
      '--norc',
      '-c',
      'source <(berth completion bash); COMP_WORDS=(berth "$@"); COMP_CWORD=$#; _berth; printf "%s\\n" "${COMPREPLY[@]}"',
      '_',
    ],
  ],
  [
    'fish',
    ['--no-config', '-c', 'source (berth completion fish | psub); complete -C "berth $argv" | cut -f1'],
  ],
];

describe.each(SHELLS.filter(([shell]) => spawnSync(shell, ['-c', 'true']).status === 0))(
  'in %s',
  (shell, script) => {
    test('verbs, options and directories complete', () => {
      expect(inShell('lis')).toEqual(['list']);
      expect(inShell('send', '--timeo')).toEqual(['--timeout']);
      expect(inShell('send', '--workdir', 'su').map((dir) => dir.replace(/\/$/, ''))).toEqual(['sub']);
    });

    test('nothing of an unfinished line is run', () => {
      inShell('send', '$(touch pwned)', '--wai');

      expect(existsSync(join(folder, 'work', 'pwned'))).toBe(false);
    });

    function inShell(...words: readonly string[]): readonly string[] {
      const cwd = join(folder, 'work');
      mkdirSync(join(cwd, 'sub'), { recursive: true });
      const bin = join(folder, 'bin');
      mkdirSync(bin, { recursive: true });
      writeFileSync(
        join(bin, 'berth'),
        `#!/bin/sh\nexec "${process.execPath}" -- "${inject('program')}" "$@"\n`,
      );
      chmodSync(join(bin, 'berth'), 0o755);
      const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, HOME: folder };
      const { stdout } = spawnSync(shell, [...script, ...words], { cwd, env, encoding: 'utf8' });
      return stdout.split('\n').filter((line) => line !== '');
    }
  },
);

async function complete(words: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await berthInProcess(['__complete', ...words], {
    home: join(folder, 'none'),
    cwd: folder,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').flatMap((line) => line.split('\t', 1)[0] || []);
}

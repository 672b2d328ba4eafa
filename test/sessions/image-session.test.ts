import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { ownServer } from '../../src/executors/tmux/server.ts';
import { Berth, until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

describe.each(['docker', 'podman'] as const)('%s', (engine) => {
  describeWith(['tmux', engine], 'a terminal session in a container of its own', () => {
    const project = realpathSync(mkdtempSync(join(tmpdir(), 'berth-image-session-')));
    const queue = new Berth();
    const at = (...argv: string[]) => queue.run(argv, project);
    const made = async (name: string) => {
      const { stdout, stderr } = await at(
        ...['session', 'new', name, '--container-image', 'berth-busybox', '--container-type', engine],
        ...['--docker-arg=--network=none', '--json'],
      );
      expect(stderr).toBe('');
      return JSON.parse(stdout);
    };
    const exists = (id: string) =>
      execFileSync(engine, ['ps', '--all', '--no-trunc', '--quiet'], { encoding: 'utf8' }).includes(id);

    beforeAll(() => at('up'));
    afterAll(async () => {
      await queue[Symbol.asyncDispose]();
      rmSync(project, { recursive: true });
    });

    test('its tasks run in that very container, which ends with it', async () => {
      const session = await made('boxed');
      expect(session).toMatchObject({
        container_image: expect.stringContaining('berth-busybox'),
        container_volumes: { [project]: project },
      });
      const id: string = session.container_id;
      const done = await at('send', '--wait', '--target', 'boxed', 'hostname; pwd; touch /left');

      expect(done).toMatchObject({ code: 0, stdout: `${id.slice(0, 12)}\n${project}\n` });
      expect((await at('send', '--wait', '--target', 'boxed', 'test -e /left')).code).toBe(0);
      expect(await at('send', '--wait', '--target', 'boxed', '--in-shell', 'hostname; exit 6')).toMatchObject(
        {
          code: 6,
          stdout: `${id.slice(0, 12)}\n`,
        },
      );
      expect((await at('session', 'rm', 'boxed')).code).toBe(0);
      expect(exists(id)).toBe(false);
    });

    test('nothing is left of it when its pane was closed', async () => {
      const { container_id: id } = await made('closed');
      execFileSync('tmux', ['-S', ownServer(queue.home).socket, 'kill-session', '-t', '=closed']);

      await until('its container is gone', () => !exists(id));
    });

    test('nothing is left of one whose maker was killed half-way, and one that is there stays', async () => {
      const { container_id: kept } = await made('kept');
      // the container is there, and tmux does not answer
      const folder = join(project, 'halted');
      mkdirSync(folder);
      writeFileSync(join(folder, 'go-on'), '');
      const halted = `#!/bin/sh\ntouch ${folder}/here\nwhile [ -e ${folder}/go-on ]; do sleep 0.1; done\n`;
      writeFileSync(join(folder, 'tmux'), halted, { mode: 0o755 });
      const maker = spawn(
        process.execPath,
        [
          ...[inject('program'), 'session', 'new', 'half', '--container-image', 'berth-busybox'],
          ...['--container-type', engine, '--docker-arg=--network=none'],
        ],
        { cwd: project, env: { ...queue.env, PATH: `${folder}:${process.env.PATH}` }, stdio: 'ignore' },
      );
      await until('it has got that far', () => existsSync(join(folder, 'here')));
      maker.kill('SIGKILL');
      await new Promise((resolve) => maker.once('exit', resolve));
      rmSync(join(folder, 'go-on'));

      const removed = await queue.json(['gc']);
      expect(removed).toMatchObject([{ engine, session: 'half', task: null, state: 'running' }]);
      expect([exists(removed[0].id), exists(kept)]).toEqual([false, true]);
      expect((await at('session', 'rm', 'kept')).code).toBe(0);
    });

    test('an image that is not there makes no session', async () => {
      const answer = await at('session', 'new', 'none', '--container-image', 'no-such-image:1');

      expect(answer).toMatchObject({ code: 69, stderr: expect.stringContaining('IMAGE_MISSING') });
      expect((await at('sessions')).stdout).not.toContain('none');
    });
  });
});

describeWith(['tmux'], 'the tmux server of berth', () => {
  const answers = (socket: string) => spawnSync('tmux', ['-S', socket, 'list-sessions']).status === 0;

  test('ends with its last session, or with the worker that held it', async () => {
    const queue = new Berth();
    const { socket } = ownServer(queue.home);
    await queue.run(['session', 'new', 'one']);
    await queue.run(['session', 'new', 'two']);
    await queue.run(['session', 'rm', 'one']);
    expect(answers(socket)).toBe(true);
    await queue.run(['session', 'rm', 'two']);
    await until('it has ended', () => !answers(socket));

    await queue.run(['session', 'new', 'three']);
    await queue.run(['up']);
    expect((await queue.run(['send', '--wait', '--target', 'three', 'exit 3'])).code).toBe(3);
    await queue.run(['session', 'rm', 'three']);
    await queue[Symbol.asyncDispose]();
    await until('it has ended', () => !answers(socket));
  });

  test('stays while it has a session', async () => {
    await using queue = new Berth();
    const { socket } = ownServer(queue.home);
    await queue.run(['session', 'new', 'kept']);
    await queue.run(['up']);
    await queue.run(['down']);

    expect(execFileSync('tmux', ['-S', socket, 'list-sessions'], { encoding: 'utf8' })).toContain('kept');
    await queue.run(['session', 'rm', 'kept']);
  });
});

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ownServer } from '../../src/executors/tmux/server.ts';
import { Berth, until } from '../support/berth.ts';

/** Path of a real Claude Code, such as node_modules/.bin/claude; no account is needed and none is used. */
const claude = process.env.BERTH_TEST_CLAUDE ?? '';

test.skipIf(claude === '')(
  `the real Claude Code is blocked by its trust dialog, then takes a prompt and says that it is not signed in${
    claude === '' ? ' [left out: no BERTH_TEST_CLAUDE]' : ''
  }`,
  { timeout: 180_000 },
  async () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-claude-')));
    const [house, project] = [join(folder, 'home'), join(folder, 'project')];
    for (const path of [house, project]) mkdirSync(path);
    // its first start wants to reach the network; the rest does not
    writeFileSync(
      join(house, '.claude.json'),
      JSON.stringify({ hasCompletedOnboarding: true, theme: 'dark' }),
    );
    const queue = new Berth({ HOME: house, PATH: `${dirname(claude)}${delimiter}${process.env.PATH}` });
    const tmux = (...argv: string[]) =>
      execFileSync('tmux', ['-S', ownServer(queue.home).socket, ...argv], { encoding: 'utf8' });
    const ended = async (text: string) => {
      const { id } = await queue.json(['send', '--provider', 'claude', '--target', 'real', text], project);
      await queue.run(['wait', String(id)]);
      return queue.json(['show', String(id)]);
    };
    await queue.run(['up']);
    try {
      await queue.run(['session', 'new', 'real', '--agent', 'claude'], project);
      await until('it asks for trust', () => tmux('capture-pane', '-p', '-t', '=real:').includes('trust'));
      expect(await ended('before')).toMatchObject({ error_code: 'PROMPT_NOT_SUBMITTED' });
      expect(tmux('capture-pane', '-p', '-t', '=real:')).toContain('trust');

      tmux('send-keys', '-t', '=real:', 'Enter');
      const done = await ended('first "line"\nsecond line');
      expect(done).toMatchObject({ outcome: 'failed', exit_code: 1 });
      expect((await queue.run(['logs', String(done.id)])).stderr).toContain('Not logged in');
    } finally {
      await queue.run(['down']);
      tmux('kill-server');
      rmSync(queue.home, { recursive: true });
      rmSync(folder, { recursive: true });
    }
  },
);

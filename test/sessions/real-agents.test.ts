import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownServer } from '../../src/executors/tmux/server.ts';
import { Berth, until } from '../support/berth.ts';
import { has } from '../support/engines.ts';
import { cacheFolder, type RealAgent, realAgent } from '../support/real-agents.ts';

const AGENTS = ['claude', 'codex', 'gemini', 'opencode'] as const;
const found = Object.fromEntries(AGENTS.map((name) => [name, realAgent(name)]));
const binOf = (name: RealAgent) => {
  const agent = found[name];
  return agent && 'bin' in agent ? agent.bin : null;
};

/** A test of a real agent; without its program the title says why it is left out. */
function real(name: RealAgent, title: string, body: () => Promise<void>): void {
  const agent = found[name];
  const missing = agent && 'missing' in agent ? agent.missing : has('tmux') ? null : 'no tmux';
  const label = `${name} ${title}${missing === null ? '' : ` [left out: ${missing}]`}`;
  test.skipIf(missing !== null)(label, { timeout: 240_000 }, body);
}

/**
 * The real programs, without an account. Up to the sign-in they are alone; behind it they talk to a FAKE model on
 * loopback, so that what they tell of a turn is their own, and only the answer is not.
 */
describe.skipIf(AGENTS.every((name) => binOf(name) === null))('the real agents', () => {
  mkdirSync(cacheFolder, { recursive: true });
  // not in /tmp, where Gemini CLI would leave our settings out
  process.env.TMPDIR = realpathSync(mkdtempSync(join(cacheFolder, 'test-')));
  const folder = process.env.TMPDIR;
  // Gemini CLI has no screen where it is set
  delete process.env['CI'];
  const project = join(folder, 'project');
  const path = [...AGENTS.flatMap((name) => binOf(name) ?? []), process.env.PATH].join(delimiter);
  const queue = new Berth({ PATH: path, BERTH_NOTIFY: `echo "$BERTH_EVENT $BERTH_TASK" >>${folder}/told` });
  const tmux = (...argv: string[]) =>
    execFileSync('tmux', ['-S', ownServer(queue.home).socket, ...argv], { encoding: 'utf8' });
  const screen = (name: string) => tmux('capture-pane', '-p', '-t', `=${name}:`);
  let model: ChildProcess;
  let url = '';

  beforeAll(async () => {
    mkdirSync(project);
    model = spawn(process.execPath, [fileURLToPath(new URL('../fakes/model.mjs', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const port = await new Promise((done) => model.stdout?.once('data', (line) => done(parseInt(line, 10))));
    url = `http://127.0.0.1:${port}`;
    await queue.run(['up', '--slots', '4']);
  });
  afterAll(async () => {
    const sessions = (await queue.json(['sessions'])) as { name: string; kind: string }[];
    for (const { name, kind } of sessions) if (kind === 'tmux') await queue.run(['session', 'rm', name]);
    await queue.run(['down']);
    model.kill();
    endServices(folder);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** A session with an agent that finds these files in its home. */
  async function start(
    name: RealAgent,
    session: string,
    files: Readonly<Record<string, object | string>> = {},
  ) {
    const house = join(folder, session);
    for (const [file, value] of Object.entries({ 'a-file': '', ...files })) {
      mkdirSync(dirname(join(house, file)), { recursive: true });
      writeFileSync(join(house, file), typeof value === 'string' ? value : JSON.stringify(value));
    }
    const env = { HOME: house, CODEX_HOME: join(house, '.codex'), ...xdg(house), ...addressOf(url)[name] };
    mkdirSync(env.CODEX_HOME, { recursive: true });
    const variables = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    const made = await queue.run(['session', 'new', session, '--agent', name, ...variables], project);
    expect(made).toMatchObject({ code: 0, stderr: '' });
  }

  const send = async (name: string, session: string, text: string) =>
    (await queue.json(['send', '--provider', name, '--target', session, text], project)).id as number;
  const show = (id: number) => queue.json(['show', String(id)]);
  const ended = async (id: number) => {
    await queue.run(['wait', String(id)]);
    return show(id);
  };
  const history = async (id: number) =>
    ((await queue.json(['why', String(id)])).events as { kind: string }[]).map(({ kind }) => kind);

  describe('before the sign-in', () => {
    const blocked = async (name: RealAgent, session: string, shows: RegExp) => {
      await until(`${name} shows a dialog`, () => shows.test(screen(session)), 90_000);
      const id = await send(name, session, 'hello');
      const done = await ended(id);
      expect(done).toMatchObject({ outcome: 'not_started', error_code: 'PROMPT_NOT_SUBMITTED' });
      expect(done.cause).toContain('the agent is blocked');
      expect(await history(id)).toContain('waiting_input');
      expect(screen(session)).toMatch(shows);
    };

    real('claude', 'is blocked by its trust dialog, and nothing is typed', async () => {
      await start('claude', 'claude-trust', CLAUDE);
      await blocked('claude', 'claude-trust', /trust this folder/);
    });

    real('codex', 'is blocked by its sign-in, and nothing is typed', async () => {
      await start('codex', 'codex-sign-in');
      await blocked('codex', 'codex-sign-in', /Sign in with/);
    });

    real('gemini', 'is blocked by its trust dialog, and nothing is typed', async () => {
      await start('gemini', 'gemini-trust');
      await blocked('gemini', 'gemini-trust', /Do you trust/);
    });

    real('gemini', 'is blocked by its sign-in, though it says that it is ready', async () => {
      await start('gemini', 'gemini-sign-in', {
        '.gemini/trustedFolders.json': { [project]: 'TRUST_FOLDER' },
      });
      await blocked('gemini', 'gemini-sign-in', /How would you like to authenticate/);
    });
  });

  describe('with a FAKE model', () => {
    const settings = (): Readonly<Record<RealAgent, Readonly<Record<string, object | string>>>> => ({
      claude: {
        '.claude.json': {
          ...CLAUDE['.claude.json'],
          projects: { [project]: { hasTrustDialogAccepted: true } },
        },
      },
      codex: { '.codex/config.toml': codexSettings(url) },
      gemini: {
        '.gemini/settings.json': {
          security: { auth: { selectedType: 'gemini-api-key' } },
          model: { name: 'gemini-2.5-flash' },
        },
        '.gemini/trustedFolders.json': { [project]: 'TRUST_FOLDER' },
      },
      opencode: { '.config/opencode/opencode.json': opencodeSettings(url) },
    });

    for (const name of AGENTS) {
      real(name, 'takes a prompt as it is, and its answer is shown', async () => {
        await start(name, `${name}-turn`, settings()[name]);
        const first = await send(name, `${name}-turn`, 'first "line"\nsecond $(touch owned) é 日本');
        expect(await ended(first)).toMatchObject({ outcome: 'succeeded', answer: 'fake answer' });
        expect(await history(first)).toContain('submitted');

        const long = await send(name, `${name}-turn`, 'a longer line of text, '.repeat(400));
        expect(await ended(long)).toMatchObject({ outcome: 'succeeded', answer: 'fake answer' });
      });

      real(name, 'waits for an approval, which nobody gives', async () => {
        await start(name, `${name}-asks`, settings()[name]);
        const id = await send(name, `${name}-asks`, 'APPROVE-ME');
        const asked = async () => (await show(id)).waits_for?.includes('touch approved-by-nobody') === true;
        await until('it waits for the approval of the command', asked, 120_000);
        const sessions = (await queue.json(['sessions'])) as { name: string; status: string }[];
        expect(sessions.find((one) => one.name === `${name}-asks`)?.status).toBe('waiting_input');

        await queue.run(['cancel', String(id)]);
        expect((await queue.run(['wait', String(id)])).code).toBe(130);
      });

      real(name, 'fails when its provider refuses', async () => {
        await start(name, `${name}-refused`, settings()[name]);
        const done = await ended(await send(name, `${name}-refused`, 'REFUSE-ME'));
        expect(done).toMatchObject({ outcome: 'failed', exit_code: 1 });
      });
    }

    real('codex', 'names the end of its usage limit, and its prompts wait for that', async () => {
      await start('codex', 'codex-limit', settings().codex);
      const id = await send('codex', 'codex-limit', 'LIMIT-ME');
      await until('it waits', async () => (await show(id)).attempts[0]?.outcome === 'failed', 120_000);

      const { reasons } = await queue.json(['why', String(id)]);
      expect(reasons).toMatchObject([{ code: 'PROVIDER_PAUSED', hint: 'berth resume --provider codex' }]);
      const [, until_] = /before (\S+),/.exec(reasons[0].message) ?? [];
      expect(Date.parse(until_ ?? '')).toBeGreaterThan(Date.now() + 50 * 60_000);
      await queue.run(['cancel', String(id)]);
      await queue.run(['resume', '--provider', 'codex']);
    });
  });
});

/** Codex leaves a service behind for each of its homes; these are in our folder. */
function endServices(folder: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
      if (environment.includes(`\0CODEX_HOME=${folder}/`)) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it has ended, or is somebody else's
    }
  }
}

const CLAUDE = { '.claude.json': { hasCompletedOnboarding: true, theme: 'dark' } };

function xdg(house: string) {
  return {
    XDG_CONFIG_HOME: join(house, '.config'),
    XDG_DATA_HOME: join(house, '.local/share'),
    XDG_STATE_HOME: join(house, '.local/state'),
    XDG_CACHE_HOME: join(house, '.cache'),
  };
}

/** Where they find the model; the words in the place of keys open nothing. */
function addressOf(url: string): Readonly<Record<RealAgent, Readonly<Record<string, string>>>> {
  return {
    claude: { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: 'none' },
    codex: {},
    gemini: { GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: 'none' },
    opencode: {},
  };
}

function codexSettings(url: string): string {
  return `
model = "fake"
model_provider = "fake"
approval_policy = "on-request"
[model_providers.fake]
name = "fake"
base_url = "${url}/v1"
wire_api = "responses"
request_max_retries = 0
`;
}

function opencodeSettings(url: string) {
  return {
    provider: {
      fake: {
        npm: '@ai-sdk/openai-compatible',
        name: 'fake',
        options: { baseURL: `${url}/v1`, apiKey: 'none' },
        models: { fake: { name: 'fake' } },
      },
    },
    ...{ model: 'fake/fake', permission: { bash: 'ask' }, autoupdate: false },
  };
}

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { shellQuote } from '../core/command.ts';
import { BerthError } from '../core/errors.ts';
import { type Explanation, explain } from './explain.ts';
import { renderExplanation } from './explain-text.ts';
import {
  asked,
  bind,
  candidate,
  composed,
  type MadeUp,
  madeUp,
  project,
  request,
  service,
} from './resolve/made-up.ts';
import { resolveContext } from './resolve.ts';

const shop: MadeUp = {
  candidates: [candidate('docker_compose', '/p/compose.yaml'), candidate('docker', '/p/Dockerfile')],
  project: project(
    '/p',
    service('db', { image: 'postgres:16' }),
    service('web', { volumes: [{ type: 'bind', source: '/p', target: '/app', readOnly: false }] }),
  ),
  docker: [composed('web', '/p', { mounts: [bind('/p', '/app')] })],
};

async function explained(facts: MadeUp, world = madeUp(facts)): Promise<Explanation> {
  const asking = request('/p', { container: asked(), env: { API_TOKEN: 's3cret' }, prereqs: ['npm ci'] });
  const question = { request: asking, detection: await world.detect('/p'), task: 'pytest -q' };
  try {
    const context = await resolveContext(asking, world);
    const command = { argv: ['docker', 'exec', 'x'], display: 'docker exec x' };
    return explain({ ...question, outcome: { kind: 'resolved', context, command } });
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return explain({ ...question, outcome: { kind: 'refused', error, warnings: ['ignored.'] } });
  }
}

describe('an explanation', () => {
  test('has the documented keys', async () => {
    const value = await explained(shop);
    expect(Object.keys(value).sort()).toEqual(
      [
        'candidates',
        'command',
        'container',
        'dir',
        'env',
        'error',
        'git',
        'host',
        'prereqs',
        'reason',
        'steps',
      ]
        .concat(['toolchain', 'user', 'warnings', 'workloads'])
        .sort(),
    );
    expect(value.container).toMatchObject({
      type: 'docker_compose',
      runtime: 'compose',
      id: 'id-of-shop-web-1',
      image: 'acme/app',
      project: 'shop',
      service: 'web',
      pod: null,
      namespace: null,
      reason: 'The Compose project of /p is running. Service "web": its bind mount covers the directory.',
      rejected: [{ name: 'db', reason: "postgres:16 is a database, not where a project's code runs" }],
    });
  });

  test('names the steps in the order in which they are done', async () => {
    expect((await explained(shop)).steps).toEqual([
      'directory: /app, for /p here',
      'container: enter id-of-shop-w with docker',
      'proof: the host name there is host-of-shop-web-1, the directory there is the one here',
      'toolchain: as it is there',
      'environment: API_TOKEN',
      'prerequisite 1 of 1: npm ci',
      'task: pytest -q',
    ]);
  });

  test('holds names of variables, never a value', async () => {
    const toolchain = {
      kind: 'direnv',
      dir: null,
      path: [],
      env: { DB_PASSWORD: 's3cret' },
      reason: '.envrc',
    };
    const value = await explained(shop, {
      ...madeUp(shop),
      toolchain: async () => ({ toolchain, warnings: [] }),
    });
    expect(value).toMatchObject({ env: ['API_TOKEN'], toolchain: { env: ['DB_PASSWORD'] } });
    expect(JSON.stringify(value) + renderExplanation(value, 80)).not.toContain('s3cret');
  });

  test('of a refusal has the error, the candidates, and nothing that would run', async () => {
    const value = await explained({ ...shop, docker: [] });
    expect(value).toMatchObject({
      container: null,
      command: null,
      steps: [],
      candidates: [{ type: 'docker_compose' }, { type: 'docker' }],
      error: { code: 'SERVICE_NOT_RUNNING', hint: expect.stringContaining('docker compose up -d web') },
      warnings: ['ignored.'],
    });
  });
});

describe('for people', () => {
  test('it says where, why, how and what was not taken', async () => {
    expect(renderExplanation(await explained(shop), 80)).toBe(`In service "web" of the Compose project "shop"
  The Compose project of /p is running. Service "web": its bind mount covers the
  directory.

  directory    /p -> /app
  container    id-of-shop-w, acme/app
  user         the container's own
  environment  API_TOKEN

Steps
  1  directory: /app, for /p here
  2  container: enter id-of-shop-w with docker
  3  proof: the host name there is host-of-shop-web-1, the directory there is
     the one here
  4  toolchain: as it is there
  5  environment: API_TOKEN
  6  prerequisite 1 of 1: npm ci
  7  task: pytest -q

Command
  docker exec x

Not taken
  db  postgres:16 is a database, not where a project's code runs

Files
  docker_compose  compose.yaml: a file of docker_compose
  docker          Dockerfile: a file of docker`);
  });

  test('it says why nothing would run, and the way out', async () => {
    const text = renderExplanation(await explained({ ...shop, docker: [] }), 80);
    expect(text).toMatch(
      /^Would not run: SERVICE_NOT_RUNNING\n {2}The service "web" of "shop" is not running/,
    );
    expect(text).toContain('`docker compose up -d web`');
  });

  test('it says that the host was chosen because nothing was found', async () => {
    const text = renderExplanation(await explained({}), 80);
    expect(text).toMatch(/^On the host local\n {2}There are no container files\./);
  });

  test('no line but the command is wider than asked for', async () => {
    for (const width of [40, 60, 100]) {
      const lines = renderExplanation(await explained(shop), width).split('\n');
      expect(lines.filter((line) => line.length > width)).toEqual([]);
    }
  });

  test('a command in a hint is never broken: it is there to be pasted', async () => {
    const text = renderExplanation(await explained({ ...shop, docker: [] }), 40);
    expect(text).toContain('`docker compose up -d web`');
  });

  test('names that hold control characters are shown, not sent to the terminal', async () => {
    const evil = service('web\u001b[2J', { volumes: shop.project?.services[1]?.volumes ?? [] });
    const text = renderExplanation(await explained({ ...shop, project: project('/p', evil) }), 80);
    expect(text).not.toContain('\u001b');
  });
});

test('the command for people is still the same to a shell, whatever it holds', async () => {
  const words = ['a\nb', '#(id)', '\u001b[2J', 'x\u202ey', "it's", '\t'];
  const display = shellQuote(['printf', '%s|', ...words]);
  const value = await explained(shop);
  const text = renderExplanation({ ...value, command: { argv: [], display } }, 80);

  const line = text.split('Command\n  ')[1]?.split('\n\nNot taken')[0] ?? '';
  expect(line).not.toMatch(/[\u001b\u202e\t]/);
  expect(spawnSync('sh', ['-c', line], { encoding: 'utf8' }).stdout).toBe(`${words.join('|')}|`);
});

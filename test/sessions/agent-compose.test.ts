import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Berth } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const project = realpathSync(mkdtempSync(join(tmpdir(), 'berth-agent-compose-')));
const programs = join(project, 'host');
const queue = new Berth({ PATH: `${programs}:${process.env.PATH}` });
const compose = (...argv: string[]) =>
  execFileSync('docker', ['compose', ...argv], { cwd: project, encoding: 'utf8', stdio: 'pipe' }).trim();

/** A FAKE agent for one turn: reads its prompt, and says as its answer what these lines print. */
const fake = (...lines: string[]) =>
  [
    '#!/bin/sh',
    'prompt=$(cat)',
    `answer=$(${lines.join('; ')})`,
    `printf '{"type":"result","subtype":"success","is_error":false,"result":"%s"}\\n' "$answer"\n`,
  ].join('\n');

/** Runs the command of the prompt's last line in the way that the lines before it tell. */
const OBEDIENT = fake(
  `way=$(printf '%s\\n' "$prompt" | sed -n 's/.*Run them with: \\(.*\\)COMMAND$/\\1/p')`,
  `eval "$way$(printf '%s\\n' "$prompt" | tail -n 1)"`,
);
const PLAIN = fake(`echo "$(hostname) was given: $prompt"`);

async function turn(...argv: string[]) {
  const { id } = await queue.json(['send', '--provider', 'claude', ...argv], project);
  await queue.run(['wait', String(id)]);
  return queue.json(['show', String(id)]);
}

describeWith(['compose'], 'a FAKE agent in a project with a container', () => {
  let box = '';
  beforeAll(async () => {
    const program = (folder: string, name: string, text: string) => {
      mkdirSync(join(project, folder), { recursive: true });
      writeFileSync(join(project, folder, name), text, { mode: 0o755 });
    };
    program('host', 'claude', OBEDIENT);
    program('host', 'berth', `#!/bin/sh\nexec ${process.execPath} -- ${inject('program')} "$@"\n`);
    program('box', 'claude', PLAIN);
    const service = [
      'image: berth-busybox',
      'command: sleep 100000',
      'stop_grace_period: 0s',
      'volumes: [".:/app"]',
      'working_dir: /app',
      'environment: {PATH: "/app/box:/bin:/usr/bin"}',
    ];
    writeFileSync(
      join(project, 'compose.yaml'),
      `services:\n  web:\n${service.map((line) => `    ${line}\n`).join('')}`,
    );
    compose('up', '-d', '--pull', 'never');
    box = compose('ps', '--quiet', 'web').slice(0, 12);
    await queue.run(['up']);
  });
  afterAll(async () => {
    await queue[Symbol.asyncDispose]();
    compose('down', '--timeout', '0');
    rmSync(project, { recursive: true });
  });

  test('on the host, what it is told in front of its prompt leads its commands into the container', async () => {
    const done = await turn('--headless', `sh -c 'echo "$(hostname) $(pwd)"'`);

    expect(done).toMatchObject({ outcome: 'succeeded', answer: `${box} /app` });
  });

  test('in the container that was asked for, its prompt comes as it is', async () => {
    const done = await turn('--headless', '--container-service', 'web', 'tidy up');

    expect(done).toMatchObject({ outcome: 'succeeded', answer: `${box} was given: tidy up` });
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { ContextRequest } from '../core/context.ts';
import { BerthError } from '../core/errors.ts';
import { defineCommand } from './command.ts';
import { CONTEXT_FLAGS } from './context-flags.ts';
import { type ContextFlags, contextRequest } from './context-options.ts';
import { parse } from './parse.ts';

const cwd = mkdtempSync(join(tmpdir(), 'berth-options-'));
afterAll(() => rmSync(cwd, { recursive: true }));

test('no option at all means this directory on this machine, and nothing else', async () => {
  expect(await read([])).toEqual({
    host: 'local',
    workdir: cwd,
    env: {},
    prereqs: [],
    gitBranch: null,
    worktree: false,
    venv: { kind: 'off' },
    container: null,
  });
});

test('variables come from files first, then from options; a name alone copies the caller', async () => {
  writeFileSync(join(cwd, 'vars'), 'A=file\nB="two words"\n');
  const { env } = await read(['--env', 'A=option=x', '--env-file', 'vars', '-e', 'HERE', '-e', 'EMPTY='], {
    HERE: 'copied',
  });
  expect(env).toEqual({ A: 'option=x', B: 'two words', HERE: 'copied', EMPTY: '' });
});

test('--use-container alone leaves the choice open, and any target makes it binding', async () => {
  expect((await read(['--use-container'])).container?.mode).toBe('auto');
  const { container } = await read(['--container-service', 'api', '--user', 'app']);
  expect(container).toMatchObject({ mode: 'explicit', type: 'docker_compose', service: 'api', user: 'app' });
  expect((await read(['--use-container', '--container-type', 'k8s'])).container).toMatchObject({
    mode: 'explicit',
    type: 'kubernetes',
  });
});

test('an option of Kubernetes makes the type Kubernetes', async () => {
  const { container } = await read([
    '--pod',
    'deployment/web',
    '--namespace',
    'shop',
    '--kube-context',
    'current',
  ]);
  expect(container).toMatchObject({
    type: 'kubernetes',
    kubernetes: {
      pod: 'deployment/web',
      namespace: 'shop',
      context: 'current',
      container: null,
      selector: null,
    },
  });
});

test('a relative host path of a volume starts at the work directory', async () => {
  const { container } = await read([
    '--container-image',
    'node:22',
    '--volume',
    './data:/data:ro',
    '--volume',
    'cache:/c',
  ]);
  expect(container?.volumes).toEqual([`${cwd}/data:/data:ro`, 'cache:/c']);
});

test.each([
  [['--use-container', '--no-container'], '--no-container and --use-container contradict each other.'],
  [
    ['--no-container', '--container-service', 'api'],
    '--no-container and --container-service contradict each other.',
  ],
  [
    ['--container', 'a', '--container-image', 'b'],
    '--container and --container-image name two different places.',
  ],
  [['--pod', 'a', '--container-type', 'docker'], '--pod does not go with the container type docker.'],
  [
    ['--container-service', 'a', '--container-type', 'docker'],
    '--container-service does not go with the container type docker.',
  ],
  [
    ['--container', 'a', '--volume', '/a:/b'],
    '--volume is for a container that berth starts, and --container enters a running one.',
  ],
  [['--volume', '/a:/b'], '--volume says something about a container, but none is asked for.'],
  [['--auto-venv', '--no-venv'], '--auto-venv and --no-venv contradict each other.'],
  [['--worktree'], '--worktree needs a branch.'],
])('%j is refused as a contradiction', async (argv, sentence) => {
  expect(await refusal(argv)).toMatchObject({ code: 'CONTEXT_CONFLICT', exitCode: 64, message: sentence });
});

test.each([
  [['--env', '=x'], '--env "" is not'],
  [['--env', '1A=x'], '--env "1A" is not'],
  [['--env', 'A-B=x'], '--env "A-B" is not'],
  [['--env', 'UNSET'], '--env UNSET copies a variable that is not set'],
  [['--container', '-rm'], '--container "-rm" is not'],
  [['--container-image', 'a b'], '--container-image "a b" is not'],
  [['--container-service', '#(id)'], '--container-service "#(id)" is not'],
  [['--pod', 'a\nb'], '--pod "a\\nb" is not'],
  [['--container', 'a', '--user', ''], '--user "" is not'],
  [['--container-type', 'dcoker'], '--container-type "dcoker" is not'],
  [['--host', '-oProxyCommand=id'], '--host "-oProxyCommand=id" is not'],
])('%j is refused with the value in the sentence', async (argv, sentence) => {
  const error = await refusal(argv);

  expect(error).toMatchObject({ code: 'INVALID_VALUE', exitCode: 64 });
  expect(error.message).toContain(sentence);
});

test.each(['80', '0:80', '80:99999', 'a:b', '1.2.3:80:80'])('the port %j is refused', async (port) => {
  expect(await refusal(['--container-image', 'a', '--port', port])).toMatchObject({ code: 'INVALID_VALUE' });
});

test('a directory that is not there is named in full', async () => {
  expect(await refusal(['--workdir', 'no/such'])).toMatchObject({
    code: 'DIRECTORY_NOT_FOUND',
    exitCode: 66,
    message: `The directory ${cwd}/no/such does not exist.`,
  });
});

test('an env file that is not there, or that no shell could export, is refused', async () => {
  writeFileSync(join(cwd, 'dotted'), 'a.b=1\n');
  expect(await refusal(['--env-file', 'none'])).toMatchObject({ code: 'FILE_NOT_FOUND', exitCode: 66 });
  expect(await refusal(['--env-file', 'dotted'])).toMatchObject({ code: 'ENV_FILE_INVALID', exitCode: 65 });
});

const command = defineCommand({
  name: 'run',
  arguments: { usage: '', min: 0, max: 9 },
  flags: CONTEXT_FLAGS,
  examples: [],
  run: async () => 0,
});

async function read(argv: readonly string[], env: Record<string, string> = {}): Promise<ContextRequest> {
  const parsed = parse(command, argv);
  if (parsed === 'help') throw new Error('help');
  return contextRequest(parsed.flags as ContextFlags, { cwd, env });
}

async function refusal(argv: readonly string[]): Promise<BerthError> {
  const error = await read(argv).catch((error: unknown) => error);
  if (error instanceof BerthError) return error;
  throw new Error(`${argv.join(' ')} was taken`);
}

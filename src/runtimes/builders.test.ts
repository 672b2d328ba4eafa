import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shellQuote } from '../core/command.ts';
import { localHost } from '../hosts/local.ts';
import {
  type BuiltCommand,
  buildDockerComposeExecCmd,
  buildDockerRunCmd,
  buildKubectlExecCmd,
  buildPodmanExecCmd,
  buildPodmanRunCmd,
  commandWords,
} from './builders.ts';

/** What a real shell makes of lines: one list of words for each. */
async function shellSplits(lines: readonly string[]): Promise<readonly (readonly string[])[]> {
  const script = lines.map((line) => `set -- ${line}; printf '%s\\0' "$#" "$@"`).join('\n');
  const result = await localHost().exec(
    { argv: ['sh'], cwd: null, env: {} },
    { timeoutMs: 20_000, input: script },
  );
  const words = result.stdout.split('\0').slice(0, -1);
  const lists: string[][] = [];
  while (words.length > 0) lists.push(words.splice(0, Number(words.shift())));
  return lists;
}

test('docker run holds everything that was said, the image last', () => {
  const { argv, display } = buildDockerRunCmd({
    image: 'myapp:latest',
    workingDir: '/app',
    volumes: { '/host/code': '/container/code' },
    envVars: { DEBUG: '1', NODE_ENV: 'test' },
    ports: { '8080': '3000' },
    dockerArgs: ['--rm', '-it'],
  });

  expect(display).toBe(
    'docker run --rm -it -v /host/code:/container/code -e DEBUG=1 -e NODE_ENV=test -p 8080:3000 -w /app myapp:latest',
  );
  expect(argv.at(-1)).toBe('myapp:latest');
});

test('compose exec enters the service in its directory by the option, not by cd', () => {
  const { display } = buildDockerComposeExecCmd({ service: 'web', command: 'npm test', workingDir: '/app' });

  expect(display).toBe('docker compose exec -T -w /app web npm test');
});

test('kubectl exec names namespace, pod and container, and ends its own options', () => {
  const { display } = buildKubectlExecCmd({
    pod: 'myapp-pod-123',
    namespace: 'default',
    container: 'myapp',
    command: 'python manage.py migrate',
  });

  expect(display).toBe('kubectl exec -n default myapp-pod-123 -c myapp -- python manage.py migrate');
});

test('podman has the same two', () => {
  expect(buildPodmanRunCmd({ image: 'a', command: ['x', 'y z'] }).display).toBe("podman run a x 'y z'");
  expect(
    buildPodmanExecCmd({
      container: 'box',
      command: 'ls -l',
      workingDir: '/srv',
      user: '1000',
      envVars: { A: '' },
    }).argv,
  ).toEqual(['podman', 'exec', '-e', 'A=', '-w', '/srv', '-u', '1000', 'box', 'ls', '-l']);
});

test('only in front of a command are name=value and words of the shell quoted', () => {
  expect(shellQuote(['A=1', 'B=2'])).toBe("'A=1' B=2");
  expect(shellQuote(['time', 'time'])).toBe("'time' time");
});

describe('a command that is one line', () => {
  test.each([
    ['npm test', ['npm', 'test']],
    ['  npm   test ', ['npm', 'test']],
    ['echo $HOME', ['sh', '-c', 'echo $HOME']],
    ['a && b', ['sh', '-c', 'a && b']],
    ["echo 'x y'", ['sh', '-c', "echo 'x y'"]],
    ['ls *.ts', ['sh', '-c', 'ls *.ts']],
    ['A=1 env', ['sh', '-c', 'A=1 env']],
    ['cd /tmp', ['sh', '-c', 'cd /tmp']],
    ['exit 3', ['sh', '-c', 'exit 3']],
    ['make CC=gcc', ['make', 'CC=gcc']],
  ])('%j is started as %j', (line, argv) => {
    expect(commandWords(line)).toEqual(argv);
  });

  test.each([[''], ['  '], [[]], [['', 'a']]])('%j is no command', (command) => {
    expect(() => commandWords(command)).toThrow(/no command/);
  });
});

test.each(['-v/:/host', '', 'a b', 'a\nb', '--rm'])('the name %j is refused by every builder', (name) => {
  const command = ['true'];
  const builders: readonly (() => BuiltCommand)[] = [
    () => buildDockerRunCmd({ image: name }),
    () => buildPodmanRunCmd({ image: name }),
    () => buildDockerComposeExecCmd({ service: name, command }),
    () => buildPodmanExecCmd({ container: name, command }),
    () => buildKubectlExecCmd({ pod: name, command }),
    () => buildKubectlExecCmd({ pod: 'a', namespace: name, command }),
  ];

  for (const build of builders) expect(build).toThrow(expect.objectContaining({ code: 'INVALID_VALUE' }));
});

test('a real shell makes the same arguments of every display', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((one) => !one.includes('\0'));
  const name = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,8}$/);
  const words = fc.array(text, { minLength: 1, maxLength: 4 }).filter(([first]) => first !== '');
  const key = text.filter((one) => one !== '' && !one.includes('='));
  const options = fc.record({
    image: name,
    workingDir: text,
    volumes: fc.dictionary(key, text, { maxKeys: 2 }),
    envVars: fc.dictionary(key, text, { maxKeys: 2 }),
    ports: fc.dictionary(key, text, { maxKeys: 2 }),
    dockerArgs: fc.array(text, { maxLength: 2 }),
    command: words,
  });
  const built = fc.oneof(
    options.map(buildDockerRunCmd),
    options.map(buildPodmanRunCmd),
    fc.record({ service: name, command: words, workingDir: text }).map(buildDockerComposeExecCmd),
    fc.record({ pod: name, namespace: name, container: name, command: words }).map(buildKubectlExecCmd),
    fc.record({ container: name, command: words, user: text, workingDir: text }).map(buildPodmanExecCmd),
  );
  const many = fc.array(built, { minLength: 50, maxLength: 50, depthIdentifier: 'all' });

  await fc.assert(
    fc.asyncProperty(many, async (commands) => {
      expect(await shellSplits(commands.map((one) => one.display))).toEqual(commands.map((one) => one.argv));
    }),
    { numRuns: 20 },
  );
});

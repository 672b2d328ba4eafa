import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from './support/berth.ts';
import { describeWith } from './support/engines.ts';

const FILE = `services:
  web:
    image: berth-busybox:latest
    command: sleep 3600
    init: true
    pull_policy: never
    volumes: [".:/app"]
    working_dir: /app
  db:
    image: berth-busybox:latest
    command: sleep 3600
    init: true
    pull_policy: never
`;

describeWith(['docker', 'compose'], 'a project with two Compose services', () => {
  const project = realpathSync(mkdtempSync(join(tmpdir(), 'berth-compose-job-')));
  const compose = (...args: string[]) =>
    execFileSync('docker', ['compose', ...args], {
      cwd: project,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const idOf = (service: string) => compose('ps', '--all', '--quiet', '--no-trunc', service).trim();

  beforeAll(() => {
    writeFileSync(join(project, 'compose.yaml'), FILE);
    mkdirSync(join(project, 'src', 'deep'), { recursive: true });
    symlinkSync(join(project, 'src'), join(project, 'link'));
    compose('up', '-d');
  });
  afterAll(() => {
    compose('down', '--timeout', '0');
    rmSync(project, { recursive: true, force: true });
  });

  test('run enters the service that mounts the directory, and says nothing of its own', async () => {
    await using berth = new Berth();
    const ended = await berth.run(['run', '--use-container', '--', 'hostname'], project);
    expect(ended).toEqual({ code: 0, stdout: `${idOf('web').slice(0, 12)}\n`, stderr: '' });
  });

  test('a sub-directory is the mapped one, also through a symlink', async () => {
    await using berth = new Berth();
    const deep = await berth.run(['run', '--use-container', '--', 'pwd'], join(project, 'src', 'deep'));
    expect(deep.stdout).toBe('/app/src/deep\n');
    const linked = await berth.run(
      ['run', '--use-container', '--workdir', join(project, 'link'), '--', 'pwd'],
      project,
    );
    expect(linked.stdout).toBe('/app/src\n');
  });

  test('arguments, environment and exit code arrive unharmed', async () => {
    await using berth = new Berth();
    const words = ['a b', '$(id)', '"', "'", '', '-n', 'é\n', '*'];
    const ended = await berth.run(
      [
        'run',
        '--use-container',
        '--env',
        'V=x "y" $z',
        '--env',
        'PATH=/bin',
        '--',
        'sh',
        '-c',
        'printf "%s|" "$V" "$PATH" "$@"; exit 42',
        'sh',
        ...words,
      ],
      project,
    );
    expect(ended).toEqual({ code: 42, stdout: `x "y" $z|/bin|${words.join('|')}|`, stderr: '' });
  });

  test('a queued task runs there too, and the session shows the container', async () => {
    await using berth = new Berth();
    await berth.up();
    const sent = await berth.run(['send', 'hostname; exit 9', '--use-container', '--wait'], project);
    expect(sent).toMatchObject({ code: 9, stdout: `${idOf('web').slice(0, 12)}\n` });
    const sessions = await berth.json(['sessions']);
    expect(sessions).toContainEqual(
      expect.objectContaining({
        container_id: idOf('web'),
        container_image: 'berth-busybox:latest',
        container_type: 'docker_compose',
        container_service: 'web',
        container_volumes: expect.objectContaining({ [project]: '/app' }),
      }),
    );
    const rows = execFileSync('sqlite3', [
      join(berth.home, 'berth.db'),
      'SELECT name, container_id, container_image FROM sessions WHERE container_id IS NOT NULL;',
    ]);
    expect(rows.toString()).toContain(`|${idOf('web')}|berth-busybox:latest`);
  });

  test('a worker killed with SIGKILL loses no task in a container', async () => {
    await using berth = new Berth();
    const pid = await berth.up();
    const gate = join(project, 'gate');
    await berth.run(
      ['send', 'echo up > up; while ! [ -e gate ]; do sleep 0.1; done; echo end; exit 6', '--use-container'],
      project,
    );
    await expect.poll(() => existsSync(join(project, 'up')), { timeout: 20_000 }).toBe(true);
    process.kill(pid, 'SIGKILL');
    await berth.up();
    writeFileSync(gate, '');
    expect(await berth.run(['wait', '1'])).toMatchObject({ code: 6 });
    expect(await berth.run(['logs', '1'])).toMatchObject({ stdout: 'end\n' });
  });

  test('cancel leaves nothing of the tree in the container', async () => {
    await using berth = new Berth();
    await berth.up();
    await berth.run(
      [
        'send',
        'trap "" TERM; setsid sleep 4321 & echo up > up2; while :; do sleep 1; done',
        '--use-container',
      ],
      project,
    );
    await expect.poll(() => existsSync(join(project, 'up2')), { timeout: 20_000 }).toBe(true);
    await berth.run(['cancel', '1']);
    expect(await berth.run(['wait', '1'])).toMatchObject({ code: 130 });
    const left = execFileSync('docker', ['exec', idOf('web'), 'ps'], { encoding: 'utf8' });
    expect(left).not.toContain('sleep 4321');
  });

  test('the command that explain prints does the same when pasted', async () => {
    await using berth = new Berth();
    const explained = await berth.json(
      ['explain', '--use-container', '--env', 'A=1 2', '--', 'sh', '-c', 'echo $A; pwd'],
      join(project, 'src'),
    );
    expect(explained.container).toMatchObject({ type: 'docker_compose', service: 'web', id: idOf('web') });
    expect(execFileSync('sh', ['-c', explained.command.display], { encoding: 'utf8' })).toBe(
      '1 2\n/app/src\n',
    );
  });

  test('a recreated container is found again', async () => {
    await using berth = new Berth();
    await berth.run(['run', '--use-container', '--', 'true'], project);
    compose('up', '-d', '--force-recreate', 'web');
    const ended = await berth.run(['run', '--use-container', '--', 'hostname'], project);
    expect(ended.stdout).toBe(`${idOf('web').slice(0, 12)}\n`);
  });

  test('a stopped service, an ambiguous choice and a missing engine run nothing on the host', async () => {
    await using berth = new Berth();
    compose('stop', '--timeout', '0', 'web');
    const stopped = await berth.run(['run', '--use-container', '--', 'touch', 'made'], project);
    expect(stopped.code).toBe(125);
    expect(stopped.stderr).toMatch(
      /^berth: SERVICE_NOT_RUNNING: .*web[^\n]*\n[^\n]*docker compose up -d web/,
    );
    compose('start', 'web');

    const twins = mkdtempSync(join(tmpdir(), 'berth-twins-'));
    writeFileSync(join(twins, 'compose.yaml'), 'services:\n  a: {image: x}\n  b: {image: x}\n');
    const ambiguous = await berth.run(['run', '--use-container', '--', 'touch', 'made'], twins);
    expect(ambiguous.code).toBe(125);
    expect(ambiguous.stderr).toMatch(/CONTEXT_AMBIGUOUS.*a.*b[^\n]*\n[^\n]*--container-service/);

    await using engineless = new Berth({ DOCKER_HOST: 'unix:///nonexistent/docker.sock' });
    const missing = await engineless.run(['run', '--use-container', '--', 'touch', 'made'], project);
    expect(missing.code).toBe(125);
    expect(missing.stderr).toMatch(/RUNTIME_UNAVAILABLE/);
    expect([project, twins].some((dir) => existsSync(join(dir, 'made')))).toBe(false);
  });
});

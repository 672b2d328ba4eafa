import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { type Ended, endOf } from './support/berth.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-cli-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('bad input', () => {
  test.each([
    [['send', 'true', '--workdir', 'no-such'], 66, 'DIRECTORY_NOT_FOUND'],
    [['run', '--workdir', 'no-such', '--', 'true'], 66, 'DIRECTORY_NOT_FOUND'],
    [['detect', 'no-such'], 66, 'DIRECTORY_NOT_FOUND'],
    [['send', 'true', '--timeuot', '1'], 64, 'UNKNOWN_OPTION'],
    [['sned', 'true'], 64, 'UNKNOWN_COMMAND'],
    [['--json', 'list'], 64, 'UNKNOWN_OPTION'],
    [['send', 'true', '--env', '=1'], 64, 'INVALID_VALUE'],
    [['send', 'true', '--env', '1A=1'], 64, 'INVALID_VALUE'],
    [['send', 'true', '--env-file', 'no-such'], 66, 'FILE_NOT_FOUND'],
    [['send', 'true', '--timeout', '0'], 64, 'INVALID_VALUE'],
    [['send', 'true', '--timeout', '-1'], 64, 'INVALID_VALUE'],
    [['send', 'true', '--priority', '11'], 64, 'INVALID_VALUE'],
    [['send', 'true', '--use-container', '--no-container'], 64, 'CONTEXT_CONFLICT'],
    [['send', ''], 64, 'USAGE'],
    [['send'], 64, 'USAGE'],
    [['run'], 64, 'USAGE'],
    [['show', 'twelve'], 64, 'INVALID_VALUE'],
    [['list', '--outcome', 'broken'], 64, 'INVALID_VALUE'],
    [['completion', 'tcsh'], 64, 'INVALID_VALUE'],
  ])('berth %j exits with %i and %s, and makes no state folder', async (argv, code, name) => {
    const { cwd, home, run } = fresh();

    const ran = await run(argv);

    expectError(ran, code, name);
    expect(existsSync(home)).toBe(false);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test.each(['show', 'logs', 'wait', 'why', 'cancel', 'retry'])(
    '%s of an unknown task exits with 1',
    async (verb) => {
      const ran = await fresh().run([verb, '99']);

      expectError(ran, 1, 'TASK_NOT_FOUND');
      expect(ran.stderr).toContain('There is no task 99.');
    },
  );

  test('an env file that is not there is said to be missing', async () => {
    const { cwd, run } = fresh();

    const ran = await run(['send', 'true', '--env-file', 'no-such']);

    expect(ran.stderr).toContain(`The env file ${join(cwd, 'no-such')} does not exist.`);
  });

  test('a broken berth.yaml names its line, and nothing is queued', async () => {
    const { cwd, home, run } = fresh();
    writeFileSync(join(cwd, 'berth.yaml'), 'container:\n  use: [\n');

    for (const argv of [
      ['send', 'true'],
      ['run', '--', 'true'],
      ['explain', '--', 'true'],
    ]) {
      const ran = await run(argv);
      expectError(ran, 78, 'CONFIG_INVALID');
      expect(ran.stderr).toMatch(/berth\.yaml:[23]/);
    }
    expect(existsSync(home)).toBe(false);
  });

  test('a setting of the wrong kind names file and line', async () => {
    const { cwd, run } = fresh();
    mkdirSync(join(cwd, 'config/berth'), { recursive: true });
    writeFileSync(join(cwd, 'config/berth/config.yaml'), '# mine\nretries: many\n');

    const ran = await run(['send', 'true'], { XDG_CONFIG_HOME: join(cwd, 'config') });

    expectError(ran, 78, 'CONFIG_INVALID');
    expect(ran.stderr).toContain('config.yaml:2: retries "many"');
  });

  test('a database of a newer schema is refused, and not written to', async () => {
    const { home, run } = fresh();
    await run(['send', 'true']);
    execFileSync('sqlite3', [
      join(home, 'berth.db'),
      'pragma user_version = 9999; pragma wal_checkpoint(truncate);',
    ]);
    const before = readFileSync(join(home, 'berth.db'));

    const ran = await run(['send', 'true']);

    expectError(ran, 78, 'SCHEMA_NEWER');
    expect(readFileSync(join(home, 'berth.db')).equals(before)).toBe(true);
  });

  // root may write anywhere, so a file in the way stands for a folder without permission
  test('a state folder that cannot be made is named', async () => {
    const { cwd, run } = fresh();
    writeFileSync(join(cwd, 'file'), '');

    const ran = await run(['send', 'true'], { BERTH_HOME: join(cwd, 'file', 'state') });

    expectError(ran, 73, 'STATE_NOT_WRITABLE');
    expect(ran.stderr).toContain(join(cwd, 'file', 'state'));
  });

  test.skipIf(process.platform !== 'linux').each(['send true', 'trust'])(
    'a state folder where nothing can be made ends %j at once',
    async (words) => {
      const { cwd, run } = fresh();
      writeFileSync(join(cwd, 'berth.yaml'), 'container: {use: false}\n');

      expectError(await run(words.split(' '), { BERTH_HOME: '/proc/berth/state' }), 73, 'STATE_NOT_WRITABLE');
    },
  );

  test.skipIf(process.getuid?.() === 0)('a state folder without permission is named', async () => {
    const { cwd, run } = fresh();
    mkdirSync(join(cwd, 'locked'));
    chmodSync(join(cwd, 'locked'), 0o500);

    expectError(
      await run(['send', 'true'], { BERTH_HOME: join(cwd, 'locked', 'state') }),
      73,
      'STATE_NOT_WRITABLE',
    );
  });

  test('a second worker on the same name is refused with the pid of the first', async () => {
    const { run } = fresh();
    const { pid } = JSON.parse((await run(['up', '--json'])).stdout);
    try {
      const ran = await run(['worker']);

      expectError(ran, 73, 'WORKER_RUNNING');
      expect(ran.stderr).toContain(String(pid));
    } finally {
      expect((await run(['down'])).code).toBe(0);
    }
  });

  test('with --json the error is JSON on stdout as well', async () => {
    const ran = await fresh().run(['show', '99', '--json']);

    expect(JSON.parse(ran.stdout)).toEqual({
      error: { code: 'TASK_NOT_FOUND', message: 'There is no task 99.', hint: expect.any(String) },
    });
    expectError(ran, 1, 'TASK_NOT_FOUND');
  });

  test('an error never holds a second line of what was typed', async () => {
    expectError(await fresh().run(['send', 'true', '--container', 'a\nberth: FAKE: b']), 64, 'INVALID_VALUE');
  });
});

describe('good manners', () => {
  test('a reader that goes away is no error', async () => {
    const { cwd, home, run } = fresh();
    for (let id = 1; id <= 3; id++) await run(['send', `echo ${'x'.repeat(70_000)}`]);

    const line = `"${process.execPath}" "${inject('program')}" list --json | head -c 1; echo " \${PIPESTATUS[0]}"`;
    const ran = await start(['bash', '-c', line], cwd, { BERTH_HOME: home });

    expect(ran).toEqual({ code: 0, stdout: '[ 0\n', stderr: '' });
  });

  test('bytes that are not UTF-8 reach the task as they were typed', async () => {
    const { cwd, home } = fresh();
    const line = `"${process.execPath}" "${inject('program')}" run -- printf '%s' $'a\\xffb' | od -An -tx1`;

    const ran = await start(['bash', '-c', line], cwd, { BERTH_HOME: home });

    expect(ran.stdout.trim()).toBe('61 ff 62');
  });

  test('who waits for a task hears that no worker will take it', async () => {
    const { run } = fresh();
    await run(['send', 'true']);

    const waited = await run(['wait', '1', '--timeout', '100ms']);

    expect(waited.code).toBe(75);
    expect(waited.stderr).toContain('No worker runs; the task waits until there is one: `berth up`.');
  });

  test('a worker that was killed is called gone at once, though its lease holds', async () => {
    const { run } = fresh();
    const { pid } = JSON.parse((await run(['up', '--json'])).stdout);
    process.kill(pid, 'SIGKILL');
    await run(['send', 'true']);

    const said = await Promise.all(
      ['status', 'doctor', 'why'].map((verb) => run(verb === 'why' ? [verb, '1'] : [verb])),
    );

    expect(said[0]?.stdout).toContain(`Worker local: gone (was pid ${pid})`);
    expect(said[1]?.stdout).toContain('No worker runs.');
    expect(said[2]?.stdout).toContain(`The worker local of host local (pid ${pid}) is gone.`);
  });

  test('list shows the tasks that ended as asked, and names the option for an outcome', async () => {
    const { run } = fresh();
    await run(['run', '--', 'true']);
    await run(['run', '--', 'false']);

    const failed = JSON.parse((await run(['list', '--outcome', 'failed', '--json'])).stdout);
    const either = JSON.parse(
      (await run(['list', '--outcome', 'failed', '--outcome', 'succeeded', '--json'])).stdout,
    );

    expect(failed).toMatchObject([{ id: 2, outcome: 'failed' }]);
    expect(either.map(({ id }: { id: number }) => id)).toEqual([2, 1]);
    expect((await run(['list', '--state', 'failed'])).stderr).toContain('Did you mean --outcome failed?');
  });

  test('the version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));

    expect((await fresh().run(['--version'])).stdout).toBe(`${version}\n`);
  });

  test('run exits with the code of the command, send --wait prints its output and exits with it', async () => {
    const { run } = fresh();
    expect((await run(['run', '--', 'sh', '-c', 'exit 7'])).code).toBe(7);

    await run(['up']);
    try {
      expect(await run(['send', 'echo out; echo err >&2; exit 3', '--wait'])).toEqual({
        code: 3,
        stdout: 'out\n',
        stderr: 'err\n',
      });
    } finally {
      await run(['down']);
    }
  });

  test('a secret reaches the task, and stands nowhere in the database', async () => {
    const { home, run } = fresh();

    const ran = await run(['run', '--env', 'MY_TOKEN=hunter2hunter2', '--', 'sh', '-c', 'echo "$MY_TOKEN"']);

    expect(ran.stdout).toBe('hunter2hunter2\n');
    const database = readdirSync(home).filter((name) => name.startsWith('berth.db'));
    const stored = database.map((name) => readFileSync(join(home, name), 'latin1')).join('');
    expect(stored).not.toContain('hunter2');
  });
});

/** An empty directory, with a state folder beside it that does not exist yet. */
function fresh() {
  const base = mkdtempSync(join(folder, 'case-'));
  const cwd = join(base, 'project');
  const home = join(base, 'state');
  mkdirSync(cwd);
  const run = (argv: readonly string[], env: Record<string, string> = {}): Promise<Ended> => {
    // with `--`, as the installed program is started: Node would take --env-file for its own
    return start([process.execPath, '--', inject('program'), ...argv], cwd, { BERTH_HOME: home, ...env });
  };
  return { cwd, home, run };
}

function start(
  [program = '', ...args]: readonly string[],
  cwd: string,
  env: Record<string, string>,
): Promise<Ended> {
  return endOf(
    spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
}

/** One line for the error, one for the hint, nothing else. */
function expectError(ran: Ended, code: number, name: string): void {
  expect(ran.stderr).toMatch(new RegExp(`^berth: ${name}: .+\\n  \\S.*\\n$`));
  expect(ran.code).toBe(code);
}

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Berth, endOf, until } from './support/berth.ts';

test('run passes output and exit code, and leaves the caller’s stdin alone', async () => {
  await using berth = new Berth();
  expect(await berth.run(['run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({
    code: 7,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  const loop = berth.start(['run', '--', 'sh', '-c', 'cat; echo nothing read']);
  loop.stdin?.end('a line of the caller\n');
  expect(await endOf(loop)).toMatchObject({ code: 0, stdout: 'nothing read\n' });
});

test('what a running program says on stderr is there with the end of its line', async () => {
  await using berth = new Berth();
  const waits = 'echo listening >&2; while ! [ -e go ]; do sleep 0.05; done';
  const run = berth.start(['run', '--', 'sh', '-c', waits]);
  let seen = '';
  run.stderr?.on('data', (chunk) => {
    seen += chunk;
    if (seen === 'listening\n') writeFileSync(join(berth.home, 'go'), '');
  });
  expect(await endOf(run)).toMatchObject({ code: 0, stderr: 'listening\n' });
});

test('send --wait prints the output and exits with the task’s code', async () => {
  await using berth = new Berth();
  await berth.up();
  expect(await berth.run(['send', 'echo out; exit 3', '--wait'])).toMatchObject({ code: 3, stdout: 'out\n' });
  expect(await berth.json(['show', '1'])).toMatchObject({
    state: 'finished',
    outcome: 'failed',
    exit_code: 3,
  });
});

test('a prerequisite that fails ends with 125 and the task never runs', async () => {
  await using berth = new Berth();
  await berth.up();
  const ended = await berth.run(['send', 'touch ran', '--prereq', 'exit 4', '--wait']);
  expect(ended).toMatchObject({ code: 125, stdout: '' });
  expect(ended.stderr).toMatch(/^berth: PREREQUISITE_FAILED: .*exit 4.*exited 4/);
  expect(existsSync(join(berth.home, 'ran'))).toBe(false);
});

test('a worker killed with SIGKILL loses nothing: twelve tasks, twelve true exit codes, each ran once', async () => {
  await using berth = new Berth();
  const pid = await berth.up('--slots', '12');
  const marks = join(berth.home, 'marks');
  const gate = join(berth.home, 'gate');
  for (let code = 1; code <= 12; code++) {
    const line = `echo ${code} >> ${marks}; while ! [ -e ${gate} ]; do sleep 0.05; done; exit ${code}`;
    await berth.run(['send', line]);
  }
  await until(
    'all twelve run',
    () => existsSync(marks) && readFileSync(marks, 'utf8').split('\n').length === 13,
  );
  process.kill(pid, 'SIGKILL');
  await berth.up('--slots', '12');
  appendFileSync(gate, '');

  const ids = Array.from({ length: 12 }, (_, index) => String(index + 1));
  await berth.run(['wait', ...ids]);
  const codes = await Promise.all(ids.map(async (id) => (await berth.json(['show', id])).exit_code));
  expect(codes).toEqual(ids.map(Number));
  expect(
    readFileSync(marks, 'utf8')
      .trim()
      .split('\n')
      .map(Number)
      .sort((a, b) => a - b),
  ).toEqual(ids.map(Number));
});

test('tasks that end while no worker lives are finished by the next one', async () => {
  await using berth = new Berth();
  const pid = await berth.up();
  await berth.run(['send', 'echo started > started; sleep 0.3; echo done > done; exit 5']);
  await until('the task runs', () => existsSync(join(berth.home, 'started')));
  process.kill(pid, 'SIGKILL');
  await until('the task ends by itself', () => existsSync(join(berth.home, 'done')));
  await berth.up();
  expect(await berth.run(['wait', '1'])).toMatchObject({ code: 5 });
});

test('cancel ends the whole tree, also what moved away', async () => {
  await using berth = new Berth();
  await berth.up();
  const beats = join(berth.home, 'beats');
  const beat = `while :; do echo x >> ${beats}; sleep 0.05; done`;
  await berth.run(['send', `trap "" TERM; setsid sh -c '${beat}' & wait`]);
  await until('the task runs', () => existsSync(beats));
  await berth.run(['cancel', '1']);
  expect(await berth.run(['wait', '1'])).toMatchObject({ code: 130 });
  const size = readFileSync(beats).length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(readFileSync(beats).length).toBe(size);
});

test('a time limit ends with 124', async () => {
  await using berth = new Berth();
  await berth.up();
  expect(await berth.run(['send', 'sleep 60', '--timeout', '1s', '--wait'])).toMatchObject({ code: 124 });
  expect(await berth.run(['run', '--timeout', '1s', '--', 'sleep', '60'])).toMatchObject({ code: 124 });
});

test('a program that is not there is not started, and says so', async () => {
  await using berth = new Berth();
  const ended = await berth.run(['run', '--', 'no-such-program', 'x']);
  expect(ended.code).toBe(125);
  expect(ended.stderr).toMatch(/PROGRAM_NOT_FOUND/);
  // a shell says it itself
  expect(await berth.run(['run', 'no-such-program x'])).toMatchObject({ code: 127 });
});

test('a foreground run that is killed takes its tree along', async () => {
  await using berth = new Berth();
  const beats = join(berth.home, 'beats');
  const run = berth.start(['run', '--', 'sh', '-c', `while :; do echo x >> ${beats}; sleep 0.05; done`]);
  await until('the task runs', () => existsSync(beats));
  run.kill('SIGKILL');
  await endOf(run);
  let size = -1;
  await until('the beat stops', async () => {
    const before = size;
    size = readFileSync(beats).length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return before === size;
  });
});

test('a process that the task left behind holds nobody up', async () => {
  await using berth = new Berth();
  const run = berth.start(['run', '--json', '--', 'sh', '-c', 'sleep 4321 & echo $!']);
  const { code, stdout } = await endOf(run);
  expect(code).toBe(0);
  const left = Number(JSON.parse(stdout.split('\n')[0] ?? '').text);
  process.kill(left, 'SIGTERM');
});

test('a slow reader gets all of a long output', async () => {
  await using berth = new Berth();
  const run = berth.start(['run', '--json', '--', 'sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x']);
  const { stdout } = run;
  if (!stdout) throw new Error('no output to read');
  stdout.on('readable', () => {});
  let size = 0;
  while (size < 500_000) {
    // it lags behind: as much waits as the pipe's end takes, and the writer is held up
    await until('more waits', () => stdout.readableLength >= stdout.readableHighWaterMark);
    size += (stdout.read() as Buffer).length;
  }

  stdout.removeAllListeners('readable');
  for await (const chunk of stdout) size += (chunk as Buffer).length;
  expect(size).toBeGreaterThan(3_000_000);
});

test('a new database never takes the runs of an old one for its own', async () => {
  await using berth = new Berth();
  await berth.up();
  await berth.run(['send', 'exit 3', '--wait']);
  await berth.run(['down']);
  for (const name of ['berth.db', 'berth.db-wal', 'berth.db-shm'])
    rmSync(join(berth.home, name), { force: true });
  await berth.up();
  const queued = await berth.run(['send', 'echo new', '--wait']);
  expect(queued).toMatchObject({ code: 125, stdout: '' });
  expect(queued.stderr).toMatch(/FILE_EXISTS.*1-1/);
  expect(await berth.run(['run', '--', 'echo', 'second'])).toMatchObject({ code: 0, stdout: 'second\n' });
});

test('a second worker of the same name is refused and names the first', async () => {
  await using berth = new Berth();
  const pid = await berth.up();
  const second = await berth.run(['worker']);
  expect(second.code).toBe(73);
  expect(second.stderr).toMatch(new RegExp(`^berth: WORKER_RUNNING: .*${pid}`));
});

test('environment, environment files and secrets arrive; secrets are not in the database', async () => {
  await using berth = new Berth({ FROM_CALLER: 'copied', API_TOKEN: 'hush-hush' });
  await berth.up();
  writeFileSync(join(berth.home, 'some.env'), 'A="x y" # c\nB=$A-z\n');
  const ended = await berth.run([
    ...['send', 'printf "%s|" "$A" "$B" "$C" "$FROM_CALLER" "$API_TOKEN"', '--env-file', 'some.env'],
    ...['--env', 'C=line\n"q"=$x', '--env', 'FROM_CALLER', '--env', 'API_TOKEN', '--wait'],
  ]);
  expect(ended.stdout).toBe('x y|x y-z|line\n"q"=$x|copied|hush-hush|');
  const files = ['berth.db', 'berth.db-wal']
    .map((name) => readFileSync(join(berth.home, name), 'latin1'))
    .join('');
  expect(files).not.toContain('hush-hush');
});

test('logs follow a task until its end', async () => {
  await using berth = new Berth();
  await berth.up();
  mkdirSync(join(berth.home, 'd'));
  await berth.run([
    'send',
    'echo one; while ! [ -e go ]; do sleep 0.05; done; echo two; echo three >&2',
    '--workdir',
    'd',
  ]);
  const logs = berth.start(['logs', '-f', '1']);
  let seen = '';
  logs.stdout?.on('data', (chunk) => {
    seen += chunk;
    if (seen === 'one\n') writeFileSync(join(berth.home, 'd', 'go'), '');
  });
  expect(await endOf(logs)).toMatchObject({ stdout: 'one\ntwo\n', stderr: 'three\n' });
});

import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth, type Ended, until } from './support/berth.ts';
import { call } from './support/boxes.ts';
import { describeWith } from './support/engines.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'berth-dialects-')));
afterAll(() => rmSync(folder, { recursive: true }));

/** A project whose service is not up yet, and one whose image is nowhere. */
function aProject(file: string, image: string): string {
  const dir = join(folder, `dialect-${randomBytes(4).toString('hex')}`);
  mkdirSync(join(dir, 'sub'), { recursive: true });
  const service = `command: sleep 100000, volumes: ['.:/project']`;
  const services = `services:\n  web: {image: '${image}', ${service}}\n  absent: {image: 'localhost/berth-nowhere:1', ${service}}\n`;
  writeFileSync(join(dir, file), `version: '3'\n${services}`);
  return dir;
}

type Run = (...words: readonly string[]) => Promise<Ended>;

async function entersOnRequest(run: Run, directory: string): Promise<void> {
  const web = ['--container-service', 'web'];
  const before = await run(...web, '--', 'true');
  const ran = await run(...web, '--start', '--', 'sh', '-c', 'pwd; echo err >&2; exit 7');
  const again = await run(...web, '--', 'touch', 'made');

  expect(before).toMatchObject({ code: 125, stderr: expect.stringContaining('SERVICE_NOT_RUNNING') });
  expect(ran).toEqual({ code: 7, stdout: `${directory}\n`, stderr: 'err\n' });
  expect(again.code).toBe(0);
}

async function pullsNothing(run: Run): Promise<void> {
  const ran = await run('--container-service', 'absent', '--start', '--', 'true');

  expect(ran).toMatchObject({ code: 125, stderr: expect.stringContaining('IMAGE_MISSING') });
}

describeWith(['docker', 'compose-v1'], 'with Compose version 1 alone', () => {
  const bin = join(folder, 'bin');
  const dir = aProject('docker-compose.yml', 'berth-busybox:latest');
  let berth: Berth;
  beforeAll(() => {
    mkdirSync(bin);
    const others = process.env.PATH ?? '';
    const plugin = `[ "$1" != compose ] || { echo "docker: 'compose' is not a docker command." >&2; exit 1; }`;
    writeFileSync(join(bin, 'docker'), `#!/bin/sh\n${plugin}\nPATH='${others}' exec docker "$@"\n`);
    writeFileSync(join(bin, 'podman-compose'), '#!/bin/sh\nexit 127\n');
    for (const name of ['docker', 'podman-compose']) chmodSync(join(bin, name), 0o755);
    berth = new Berth({ PATH: `${bin}:${others}` });
  });
  afterAll(async () => {
    await call(
      'docker-compose',
      '--project-directory',
      dir,
      '--file',
      join(dir, 'docker-compose.yml'),
      'down',
      '-t',
      '0',
    );
    await berth[Symbol.asyncDispose]();
  });
  const run = (...words: readonly string[]) =>
    berth.run(['run', '--use-container', ...words], join(dir, 'sub'));

  test('it is found, and said to be old', async () => {
    let compose: { available: boolean; reason: string } = { available: false, reason: '' };
    // a report waits two seconds for each answer, and version 1 takes longer where others want the processor
    const answers = async () => {
      ({ compose } = await berth.json(['runtimes']));
      return compose.available;
    };
    await until('it has answered in time', answers, 150_000);

    expect(compose).toMatchObject({ available: true, command: 'docker-compose', version: '1.29.2' });
    expect(compose.reason).toContain('version 1');
  }, 180_000);

  test('its service is brought up on request, entered in the directory, and its code is the program’s', async () => {
    await entersOnRequest(run, '/project/sub');
  });

  test('an image that is missing is not pulled', async () => {
    await pullsNothing(run);
  });
});

describeWith(['podman', 'podman-compose'], 'with podman-compose', () => {
  const dir = aProject('podman-compose.yml', 'localhost/berth-busybox:latest');
  const berth = new Berth();
  afterAll(async () => {
    await call('podman-compose', '--file', join(dir, 'podman-compose.yml'), 'down', '-t', '0');
    await berth[Symbol.asyncDispose]();
  });
  const run = (...words: readonly string[]) =>
    berth.run(['run', '--container-type', 'podman', ...words], dir);

  test('a service is brought up on request, entered, and its code is the program’s', async () => {
    await entersOnRequest(run, '/project');
  });

  test('an image that is missing is not pulled, and told although podman-compose says it went well', async () => {
    await pullsNothing(run);
  });
});

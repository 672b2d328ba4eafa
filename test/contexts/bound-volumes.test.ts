import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

// A named volume of the engine's own driver may be a directory of the host: `type: none, o: bind, device: DIR`.

const top = realpathSync(mkdtempSync(join(tmpdir(), 'berth-bound-')));
const dir = join(top, `bound${process.pid}`);
const code = join(dir, 'code');
mkdirSync(join(code, 'sub'), { recursive: true });
writeFileSync(join(code, 'sub/here'), 'the very file\n');
writeFileSync(
  join(dir, 'compose.yaml'),
  `services:
  web: &runs
    {init: true, network_mode: none, image: berth-busybox, command: [sleep, "100000"], volumes: ["code:/app"]}
  other: {<<: *runs, volumes: ["data:/data"]}
volumes:
  code: {driver: local, driver_opts: {type: none, o: bind, device: ./code}}
  data: {}
`,
);
afterAll(() => rmSync(top, { recursive: true }));

describeWith(['docker', 'compose'], 'a Compose service whose named volume binds the directory', () => {
  const compose = (...argv: readonly string[]) =>
    execFileSync('docker', ['compose', ...argv], { cwd: dir, stdio: 'ignore' });
  beforeAll(() => compose('up', '-d', '--pull', 'never'));
  afterAll(() => compose('down', '-t', '0', '-v'));

  test('is chosen for it, and shows it', async () => {
    await using berth = new Berth();

    const ran = await berth.run(
      ['run', '--use-container', '--', 'sh', '-c', 'pwd; cat here'],
      join(code, 'sub'),
    );

    expect(ran).toEqual({ code: 0, stdout: '/app/sub\nthe very file\n', stderr: '' });
  });
});

for (const engine of ['docker', 'podman'] as const) {
  describeWith([engine], `a container of ${engine} whose named volume binds the directory`, () => {
    const name = `berth-bound-${engine}-${process.pid}`;
    const call = (...argv: readonly string[]) => execFileSync(engine, argv, { stdio: 'ignore' });
    beforeAll(() => {
      const options = ['type=none', 'o=bind', `device=${code}`].flatMap((option) => ['--opt', option]);
      call('volume', 'create', ...options, name);
      const mount = ['--volume', `${name}:/app`];
      call(
        'run',
        '-d',
        '--init',
        '--network=none',
        '--name',
        name,
        ...mount,
        'berth-busybox',
        'sleep',
        '100000',
      );
    });
    afterAll(() => {
      call('rm', '--force', name);
      call('volume', 'rm', name);
    });

    test('shows it', async () => {
      await using berth = new Berth();

      const ran = await berth.run(
        ['run', '--container', name, '--', 'sh', '-c', 'pwd; cat here'],
        join(code, 'sub'),
      );

      expect(ran).toEqual({ code: 0, stdout: '/app/sub\nthe very file\n', stderr: '' });
    });
  });
}

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { describeWith } from './support/engines.ts';

const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');

/** Each `$ command` of a console block with the output under it. */
function examples(): { command: string; output: string }[] {
  const blocks = [...readme.matchAll(/```console\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .filter((part) => part !== '')
      .map((part) => ({
        command: part.slice(0, part.indexOf('\n')),
        output: part.slice(part.indexOf('\n') + 1),
      })),
  );
}

describeWith(['docker', 'compose'], 'the README', () => {
  const work = mkdtempSync(join(tmpdir(), 'berth-readme-'));
  const project = join(work, 'shop');
  // not the name that the page shows: a project of that name may be at work on this machine
  const name = `berth-readme-${process.pid}`;
  const env = {
    ...process.env,
    COMPOSE_PROJECT_NAME: name,
    BERTH_HOME: join(work, 'state'),
    PATH: `${join(work, 'bin')}:${process.env.PATH}`,
  };
  const compose = (...args: string[]) =>
    execFileSync('docker', ['compose', ...args], { cwd: project, env, stdio: 'pipe' });

  beforeAll(() => {
    mkdirSync(join(project, 'src'), { recursive: true });
    mkdirSync(join(work, 'bin'));
    const start = `#!/bin/sh\nexec "${process.execPath}" -- "${inject('program')}" "$@"\n`;
    writeFileSync(join(work, 'bin', 'berth'), start, { mode: 0o755 });
    const service = 'image: berth-busybox:latest, pull_policy: never, init: true, command: sleep 3600';
    const file = `services:\n  web: {${service}, volumes: [".:/app"]}\n  db: {${service}}\n`;
    writeFileSync(join(project, 'compose.yaml'), file);
    compose('up', '-d');
  });
  afterAll(() => {
    spawnSync('berth', ['down'], { env, cwd: project });
    compose('down', '--timeout', '0');
    rmSync(work, { recursive: true, force: true });
  });

  test('every example prints what it says', () => {
    expect(examples().length).toBeGreaterThan(3);
    for (const { command, output } of examples()) {
      const { stdout } = spawnSync('sh', ['-c', command], { cwd: project, env, encoding: 'utf8' });
      const shown = stdout.replace(/pid \d+/, 'pid 4242').replace(name, 'shop');
      expect(`$ ${command}\n${shown}`).toBe(`$ ${command}\n${output}`);
    }
  });
});

test('every page that the README links to is there', () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => path);
  expect(links.length).toBeGreaterThan(3);
  for (const path of links) readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)));
});

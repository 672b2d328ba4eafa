import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findComposeProject } from './tiltfile.ts';

const top = realpathSync(mkdtempSync(join(tmpdir(), 'berth-tiltfile-')));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const COMPOSE = 'services: {web: {image: a}}\n';

function project(name: string, files: Readonly<Record<string, string>>): string {
  const dir = join(top, name);
  mkdirSync(join(dir, 'infra'), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(dir, path), text);
  return dir;
}

test('a Compose file that only a Tiltfile names is the project of the directory that holds it', async () => {
  const dir = project('named', {
    Tiltfile: "docker_compose('infra/stack.yml')\n",
    'infra/stack.yml': COMPOSE,
  });

  const source = await findComposeProject(dir, {});
  expect(source).toMatchObject({ dir: join(dir, 'infra'), files: [join(dir, 'infra/stack.yml')] });
});

test("Compose's own search goes before a Tiltfile", async () => {
  const dir = project('both', {
    Tiltfile: "docker_compose('infra/stack.yml')\n",
    'infra/stack.yml': COMPOSE,
    'compose.yaml': COMPOSE,
  });

  expect((await findComposeProject(dir, {}))?.files).toEqual([join(dir, 'compose.yaml')]);
});

test("a Tiltfile that is Kubernetes' names no project", async () => {
  const dir = project('kubernetes', { Tiltfile: "k8s_yaml('k.yaml')\n" });

  expect(await findComposeProject(dir, {})).toBeNull();
});

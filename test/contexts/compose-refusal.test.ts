import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Berth } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';

const top = mkdtempSync(join(tmpdir(), 'berth-refusal-'));
afterAll(() => rmSync(top, { recursive: true }));

function aProject(text: string): string {
  const dir = mkdtempSync(join(top, 'shop-'));
  writeFileSync(join(dir, 'compose.yaml'), text);
  return dir;
}

describeWith(
  ['docker', 'compose'],
  'a project that berth reads and the installed Compose does not load',
  () => {
    const dir = aProject('services:\n  web: {image: a, of_a_later_version: 1}\n  db: {image: b}\n');

    test('has its services listed, with what Compose says', async () => {
      await using berth = new Berth();

      const ran = await berth.run(['services', '--json', dir]);

      expect(JSON.parse(ran.stdout).map(({ name }: { name: string }) => name)).toEqual(['db', 'web']);
      expect(ran.code).toBe(0);
      expect(ran.stderr).toMatch(
        /The installed Compose does not load the project "shop-.*of_a_later_version/,
      );
    });

    test('is named by doctor, which calls nothing broken', async () => {
      await using berth = new Berth();

      const { checks, healthy } = JSON.parse((await berth.run(['doctor', '--json'], dir)).stdout);

      const project = checks.find(({ name }: { name: string }) => name === 'project');
      expect(project).toMatchObject({
        state: 'missing',
        message: expect.stringContaining('of_a_later_version'),
      });
      expect(healthy).toBe(true);
    });

    test('that includes what would have to be fetched is not called refused', async () => {
      await using berth = new Berth();
      const remote = aProject(
        'include: ["https://berth.invalid/repository.git"]\nservices: {web: {image: a}}\n',
      );

      const { stderr } = await berth.run(['services', remote]);

      expect(stderr).toContain('which berth does not fetch');
      expect(stderr).not.toContain('The installed Compose');
    });
  },
);

test('doctor says that the project of the directory is fine, broken, or says nothing of one', async () => {
  await using berth = new Berth();
  const project = async (dir: string) => {
    const { checks } = JSON.parse((await berth.run(['doctor', '--json'], dir)).stdout);
    return checks.find(({ name }: { name: string }) => name === 'project')?.state ?? null;
  };

  expect(await project(aProject('services: {web: {image: a}}\n'))).toBe('good');
  expect(await project(aProject('services: [\n'))).toBe('broken');
  expect(await project(mkdtempSync(join(top, 'empty-')))).toBeNull();
});

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import {
  composeConfig,
  type ProjectView,
  viewOfConfig,
  viewOfProject,
} from '../../../test/support/compose.ts';
import { type GeneratedProject, projects } from '../../../test/support/compose-projects.ts';
import { describeWith } from '../../../test/support/engines.ts';
import { findComposeFiles } from './find.ts';

import { readCompose } from './read.ts';

// The real Compose is the judge: of whatever it loads, berth's own reading must say the same.

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const ownFixtures = join(repository, 'test/fixtures/compose');
const givenFixtures = process.env.BERTH_FIXTURES ?? resolve(repository, '../shared/fixtures/projects');

const scratch = mkdtempSync(join(tmpdir(), 'berth-compose-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describeWith(['compose'], 'own reading and docker compose config', () => {
  test.each(directories(ownFixtures))('agree on the fixture %s', async (name) => {
    const { ours, theirs } = await bothReadings(join(ownFixtures, name));

    expect(theirs, 'Compose loads every fixture here').toBeTypeOf('object');
    expect(ours).toEqual(theirs);
  });

  test.each(directories(givenFixtures))(
    'agree on the given project %s where Compose loads it',
    async (name) => {
      const { ours, theirs } = await bothReadings(join(givenFixtures, name));

      expect(ours).toEqual(theirs);
    },
  );

  test('agree on generated projects', { timeout: 300_000 }, async () => {
    // BERTH_TEST_SEED and BERTH_TEST_RUNS explore; the numbers here keep the test the same everywhere
    const seed = Number(process.env.BERTH_TEST_SEED ?? 1);
    const numRuns = Number(process.env.BERTH_TEST_RUNS ?? 100);
    const disagreements: unknown[] = [];
    let loaded = 0;
    for (const [index, project] of fc.sample(projects, { seed, numRuns }).entries()) {
      const dir = join(scratch, `project-${index}`);
      writeTree(dir, project);
      const { ours, theirs } = await bothReadings(dir, project.environment);
      if (typeof theirs === 'string') continue;
      loaded += 1;
      const differences = differencesOf(ours, theirs);
      if (differences.length > 0) disagreements.push({ seed, differences, ...project });
    }

    expect(disagreements).toEqual([]);
    expect(loaded, 'most generated projects are ones that Compose loads').toBeGreaterThan(numRuns / 2);
  });
});

/** What Compose does not load is not compared: both sides are then its error. */
async function bothReadings(
  dir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ ours: ProjectView | string; theirs: ProjectView | string }> {
  const config = await composeConfig(dir, environment);
  const theirs = typeof config === 'string' ? config : viewOfConfig(config);
  if (typeof theirs === 'string') return { ours: theirs, theirs };
  const caller = { HOME: process.env.HOME, ...environment };
  const source = await findComposeFiles(dir, { environment: caller });
  if (source === null) return { ours: 'no project', theirs };
  return { ours: viewOfProject(await readCompose(source, caller)), theirs };
}

/** One line for each place where two readings differ. */
function differencesOf(ours: unknown, theirs: unknown, path = ''): readonly string[] {
  if (typeof ours !== 'object' || typeof theirs !== 'object' || ours === null || theirs === null) {
    return ours === theirs ? [] : [`${path}: ours ${JSON.stringify(ours)}, theirs ${JSON.stringify(theirs)}`];
  }
  const [left, right] = [Object.entries(ours), Object.entries(theirs)].map((entries) => new Map(entries));
  const keys = new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])]);
  return [...keys].flatMap((key) => differencesOf(left?.get(key), right?.get(key), `${path}/${key}`));
}

function directories(parent: string): readonly string[] {
  if (!existsSync(parent)) return [];
  const entries = readdirSync(parent, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

function writeTree(dir: string, { files }: GeneratedProject): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { detectContainerContext } from './detect.ts';

interface Expected {
  readonly name: string;
  readonly cwd: string;
  readonly accept: readonly string[];
  readonly compose?: { readonly exit_code: number; readonly services: readonly string[] };
  readonly devcontainer?: readonly {
    readonly kind: string;
    readonly service?: string;
    readonly services?: readonly string[];
  }[];
}

const root =
  process.env['BERTH_FIXTURES'] ?? resolve(import.meta.dirname, '../../../shared/fixtures/projects');
const file = join(root, 'EXPECTED.json');
const cases: readonly Expected[] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
const title = 'real projects';

describe.skipIf(cases.length === 0)(
  cases.length === 0 ? `${title} [left out: no fixtures, set BERTH_FIXTURES]` : title,
  () => {
    test.each(cases)('$name is $accept', async ({ name, cwd, accept, compose, devcontainer }) => {
      const detection = await detectContainerContext(join(root, name, cwd), {
        environment: {},
        home: '/nobody',
      });

      expect(accept).toContain(detection.type ?? 'none');
      if (compose?.exit_code === 0 && detection.type === 'docker_compose') {
        expect(detection.services).toEqual([...compose.services].sort());
      }
      const [only, second] = devcontainer ?? [];
      if (only !== undefined && second === undefined) {
        expect(detection.devcontainer?.kind).toBe(only.kind === 'dockerfile' ? 'build' : only.kind);
        expect(detection.devcontainer?.service ?? undefined).toBe(only.service);
        if (only.services !== undefined) expect(detection.services).toEqual(only.services);
      }
      expect(detection.ambiguous).toBe(second !== undefined);
    });
  },
);

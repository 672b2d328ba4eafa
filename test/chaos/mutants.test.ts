import { expect, test } from 'vitest';
import { describeWith } from '../support/engines.ts';
import { chaos, Workshop } from './chaos.ts';
import { MUTANTS } from './mutants.ts';
import { sharedPostgresPlace } from './places.ts';

/** In which a queue that lacks a guard has to be found out: a few seconds, on a machine that is busy a minute. */
const MUTANT_MS = Number(process.env.BERTH_TEST_MUTANT_MS ?? 0);
const LEFT_OUT = MUTANT_MS > 0 ? '' : ' [left out: set BERTH_TEST_MUTANT_MS=180000]';

describeWith(['postgres'], 'chaos on PostgreSQL', () => {
  test.runIf(MUTANT_MS > 0).each(MUTANTS)(
    `it is found out unless $name${LEFT_OUT}`,
    async (mutant) => {
      using workshop = new Workshop();
      await using place = sharedPostgresPlace(mutant.sql);
      const parts = { program: await workshop.program(mutant), traces: workshop.traces() };

      const { found } = await chaos(place, parts, { chaosMs: MUTANT_MS, until: 'found' });

      expect(found).not.toEqual([]);
    },
    MUTANT_MS + 120_000,
  );
});

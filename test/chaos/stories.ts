import { expect, test } from 'vitest';
import { chaos, type Place, Workshop } from './chaos.ts';

/** Of each run; CI takes a minute (BERTH_TEST_CHAOS_MS). */
const CHAOS_MS = Number(process.env.BERTH_TEST_CHAOS_MS ?? 10_000);

export function survivesChaos(
  open: () => (Place & AsyncDisposable) | Promise<Place & AsyncDisposable>,
): void {
  test(
    `workers that are killed and stopped past their lease for ${CHAOS_MS / 1000} s finish each task once`,
    async () => {
      using workshop = new Workshop();
      await using place = await open();
      const parts = { program: await workshop.program(null), traces: workshop.traces() };

      const { sent, faults, found, problems } = await chaos(place, parts, {
        chaosMs: CHAOS_MS,
        until: 'end',
      });

      process.stderr.write(`  ${sent} tasks, faults ${JSON.stringify(faults)}, ${found.length} violations\n`);
      expect(found).toEqual([]);
      expect(problems).toEqual([]);
      if (place.crash) expect(faults.crash).toBeGreaterThan(0);
    },
    CHAOS_MS + 300_000,
  );
}

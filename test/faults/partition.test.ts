import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openPostgresStore } from '../../src/stores/postgres.ts';
import { Berth, until } from '../support/berth.ts';
import { describeWith } from '../support/engines.ts';
import { TestDatabase, Wire } from '../support/postgres.ts';

/** Two whole leases of 30 s, with patience: one until the other host may judge, one until it does. */
const PATIENCE_MS = 180_000;

describeWith(['postgres'], 'a host that is cut off from PostgreSQL for longer than its lease', () => {
  test(
    'is given up, starts nothing meanwhile, and goes on when it is back: each task has one outcome, and no two starts at a time',
    async () => {
      await using database = new TestDatabase();
      await using wire = await Wire.to(database.url);
      const url = `${wire.url}&tcp_user_timeout=1000&connect_timeout=1`;
      await using one = new Berth({ BERTH_DATABASE_URL: url, BERTH_HOST: 'one' });
      await using two = new Berth({ BERTH_DATABASE_URL: database.url, BERTH_HOST: 'two' });
      await using store = await openPostgresStore({ url: database.url });
      const kinds = async (id: number) => (await store.events(id)).map(({ kind }) => kind);
      const left = (name: string) => (existsSync(at(name)) ? readFileSync(at(name), 'utf8') : '');
      const at = (name: string) => join(one.home, name);
      await one.up();
      await two.up();
      const held = `echo begin > held; until [ -e go ]; do sleep 0.05; done; exit 7`;
      const again = `echo begin >> again; trap 'echo end >> again; exit 1' TERM; until [ -e go-again ]; do sleep 0.05; done`;
      await one.run(['send', held]);
      await one.run(['send', '--on-lost', 'retry', again]);
      await until('both run', () => left('held') !== '' && left('again') !== '');

      wire.cut('silent');
      writeFileSync(at('go'), '');
      await two.run(['send', '--host', 'one', '--workdir', one.home, 'echo begin >> later']);
      await until('its outcome is owed', () => existsSync(at('owed/1-1-1.json')), PATIENCE_MS);
      const givenUp = async () =>
        (await kinds(1)).includes('finished') && (await kinds(2)).includes('retrying');
      await until('the other host has given it up', givenUp, PATIENCE_MS);
      await until('what may be tried again is stopped', () => left('again') === 'begin\nend\n', PATIENCE_MS);
      expect(left('later')).toBe('');
      wire.mend();

      await until('it goes on', () => left('again') === 'begin\nend\nbegin\n', PATIENCE_MS);
      writeFileSync(at('go-again'), '');
      await until('all has ended', async () => (await store.counts()).finished === 3, PATIENCE_MS);
      await until('nothing is owed', () => readdirSync(at('owed')).length === 0, PATIENCE_MS);
      expect((await store.task(1))?.state).toMatchObject({ outcome: { kind: 'lost' } });
      expect((await kinds(1)).filter((kind) => kind === 'finished' || kind === 'late_outcome')).toEqual([
        'finished',
        'late_outcome',
      ]);
      expect((await store.task(2))?.attempts.map(({ outcome }) => outcome?.kind)).toEqual([
        'lost',
        'succeeded',
      ]);
      expect(left('later')).toBe('begin\n');
      expect(await store.problems()).toEqual([]);
    },
    4 * PATIENCE_MS,
  );
});

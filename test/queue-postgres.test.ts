import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { POSTGRES_MIGRATIONS } from '../src/stores/postgres/migrations.ts';
import { openPostgresStore } from '../src/stores/postgres.ts';
import { Berth, until } from './support/berth.ts';
import { describeWith } from './support/engines.ts';
import { TestDatabase, Wire } from './support/postgres.ts';

describeWith(['postgres'], 'the program on PostgreSQL', () => {
  test('a task goes from send to its outcome, and its host has the name of the machine', async () => {
    await using database = new TestDatabase();
    await using berth = new Berth({ BERTH_DATABASE_URL: database.url, BERTH_HOST: 'build-1' });
    await berth.up();

    const { code } = await berth.run(['send', '--wait', 'echo hello; exit 3']);

    expect(code).toBe(3);
    expect(await berth.json(['show', '1'])).toMatchObject({
      outcome: 'failed',
      exit_code: 3,
      host: 'build-1',
    });
    expect(existsSync(join(berth.home, 'berth.db'))).toBe(false);
    expect((await berth.run(['fsck'])).stdout).toBe('1 tasks; all is well.\n');
    expect((await berth.run(['down'])).stdout).toMatch(/^Worker build-1 \(pid \d+\) has stopped\./);
  });

  test('a machine that has no state folder gets one when it first works for the queue', async () => {
    await using database = new TestDatabase();
    const folder = mkdtempSync(join(tmpdir(), 'berth-new-'));
    for (const verb of [['up'], ['run', '--', 'true']]) {
      const home = join(folder, verb[0] ?? '', 'not-yet');
      await using berth = new Berth({
        BERTH_DATABASE_URL: database.url,
        BERTH_HOST: 'new',
        BERTH_HOME: home,
      });

      expect(await berth.run(verb, folder)).toMatchObject({ code: 0 });
      expect(statSync(home).mode & 0o777).toBe(0o700);
    }
    rmSync(folder, { recursive: true });
  });

  test('where it can have none, nothing starts', async () => {
    await using database = new TestDatabase();
    await using berth = new Berth({ BERTH_DATABASE_URL: database.url, BERTH_HOME: '/proc/berth/home' });

    for (const verb of [['up'], ['run', '--', 'true']]) {
      const { code, stderr } = await berth.run(verb);
      expect([code, stderr]).toEqual([73, expect.stringContaining('STATE_NOT_WRITABLE')]);
    }
  });

  test('each of two hosts runs its own tasks, and both see all sessions', async () => {
    await using database = new TestDatabase();
    await using one = new Berth({ BERTH_DATABASE_URL: database.url, BERTH_HOST: 'one' });
    await using two = new Berth({ BERTH_DATABASE_URL: database.url, BERTH_HOST: 'two' });
    await one.up('--slots', '1');
    await two.up('--slots', '2');

    await one.run(['send', 'true']);
    await two.run(['send', 'true']);
    expect((await one.run(['wait', '1', '2'])).code).toBe(0);

    expect((await two.json(['list'])).map((task: { host: string }) => task.host).sort()).toEqual([
      'one',
      'two',
    ]);
    const sessions = await one.json(['sessions']);
    expect(sessions.map((session: { name: string }) => session.name)).toEqual([
      'one/slot-1',
      'two/slot-1',
      'two/slot-2',
    ]);
  });

  test('a task can be sent to another host of the queue, and to none that it does not know', async () => {
    await using database = new TestDatabase();
    await using one = new Berth({ BERTH_DATABASE_URL: database.url, BERTH_HOST: 'one' });
    await using two = new Berth({ BERTH_DATABASE_URL: database.url, BERTH_HOST: 'two' });
    await two.up();

    const unknown = await one.run(['send', '--host', 'three', 'true']);
    expect([unknown.code, unknown.stderr]).toEqual([69, expect.stringContaining('those that it knows: two')]);
    const secret = await one.run(['send', '--host', 'two', '--env', 'API_TOKEN=hunter2hunter2', 'true']);
    expect([secret.code, secret.stderr]).toEqual([77, expect.stringContaining('API_TOKEN')]);
    expect((await one.run(['run', '--host', 'two', 'true'])).stderr).toContain('HOST_UNKNOWN');
    const sent = ['send', '--wait', '--host', 'two', '--workdir', two.home, 'echo there > proof'];
    expect((await one.run(sent)).code).toBe(0);

    expect(readFileSync(join(two.home, 'proof'), 'utf8')).toBe('there\n');
    expect(await one.json(['show', '1'])).toMatchObject({ host: 'two', outcome: 'succeeded' });
    const gone = ['send', '--wait', '--host', 'two', '--workdir', '/no/such/place', 'true'];
    expect((await one.run(gone)).code).toBe(125);
  });

  test.each(['closed', 'reset', 'silent'] as const)(
    'runs go on while the database is away (%s), and their outcomes are written when it is back',
    async (how) => {
      await using database = new TestDatabase();
      await using wire = await Wire.to(database.url);
      const url = `${wire.url}&tcp_user_timeout=1000&connect_timeout=1`;
      await using berth = new Berth({ BERTH_DATABASE_URL: url, BERTH_HOST: 'one' });
      await berth.up();
      const line = 'echo > up; while [ ! -e go ]; do sleep 0.05; done; echo done > proof; exit 7';
      await berth.run(['send', line]);
      await using store = await openPostgresStore({ url: database.url });
      // not the state in the database: the worker may not have had the answer yet
      await until('it runs', () => existsSync(join(berth.home, 'up')));

      wire.cut(how);
      writeFileSync(join(berth.home, 'go'), '');
      await until('the outcome is owed', () => existsSync(join(berth.home, 'owed', '1-1-1.json')));
      expect(readFileSync(join(berth.home, 'proof'), 'utf8')).toBe('done\n');
      const refused = await berth.run(['send', 'true']);
      expect([refused.code, refused.stderr]).toEqual([75, expect.stringContaining('TRY_AGAIN')]);
      expect(refused.stderr).not.toContain(new URL(database.url).password);
      wire.mend();

      await until('the outcome is written', async () => (await store.counts()).finished === 1);
      expect((await store.task(1))?.state).toMatchObject({ outcome: { kind: 'failed', exitCode: 7 } });
      await until('nothing is owed', () => !existsSync(join(berth.home, 'owed', '1-1-1.json')));
    },
  );

  test('a queue of this machine moves into the database with its history, and its file is paused', async () => {
    await using database = new TestDatabase();
    await using here = new Berth();
    await here.run(['run', '--', 'true']);
    await here.run(['send', 'echo waits']);
    await using there = new Berth({
      BERTH_DATABASE_URL: database.url,
      BERTH_HOST: 'one',
      BERTH_HOME: here.home,
    });

    expect((await there.run(['migrate-store'])).stdout).toMatch(/^Moved \d+ rows from .*berth.db to /);

    expect(await there.json(['show', '1'])).toMatchObject({ outcome: 'succeeded', host: 'one' });
    await there.up();
    expect((await there.run(['wait', '2'])).code).toBe(0);
    await there.run(['down']);
    expect((await there.run(['fsck'])).stdout).toBe('2 tasks; all is well.\n');
    expect((await here.run(['resume'])).stdout).toBe('The queue goes on.\n');
    expect((await there.run(['migrate-store'])).stderr).toContain('NAME_TAKEN');
  });

  test('a database that refuses, or has tables of another program, is one clear error without the password', async () => {
    await using database = new TestDatabase();
    const wrong = new URL(database.url);
    wrong.password = 'hunter2';
    await using refused = new Berth({ BERTH_DATABASE_URL: wrong.href });
    const first = await refused.run(['list']);
    expect([first.code, first.stderr]).toEqual([78, expect.stringContaining('CONFIG_INVALID')]);
    expect(first.stderr).not.toContain('hunter2');

    await database.query(`create schema "${database.schema}"`);
    await database.query('create table jobs (id integer)');
    await using berth = new Berth({ BERTH_DATABASE_URL: database.url });
    const second = await berth.run(['list']);
    expect([second.code, second.stderr]).toEqual([65, expect.stringContaining('another program')]);
    expect(
      (
        await database.query(
          `select count(*)::int as n from pg_tables where schemaname = '${database.schema}'`,
        )
      ).rows,
    ).toEqual([{ n: 1 }]);
  });

  test("the database of the user's settings is used, and doctor tells of it without the password", async () => {
    await using database = new TestDatabase();
    const password = new URL(database.url).password;
    const config = mkdtempSync(join(tmpdir(), 'berth-config-'));
    mkdirSync(join(config, 'berth'));
    writeFileSync(join(config, 'berth/config.yaml'), `database:\n  url: ${database.url}\n`, { mode: 0o644 });
    await using berth = new Berth({ XDG_CONFIG_HOME: config, BERTH_HOST: 'one' });

    expect((await berth.run(['send', 'true'])).stderr).toBe('');
    expect((await database.query('select host from tasks')).rows).toEqual([{ host: 'one' }]);
    const { stdout } = await berth.run(['doctor', '--json']);

    expect(stdout).not.toContain(password);
    const { checks, settings } = JSON.parse(stdout);
    expect(checks).toContainEqual(
      expect.objectContaining({
        name: 'database',
        state: 'good',
        message: expect.stringMatching(
          /^PostgreSQL \d.*answers in .* ms, \d+ of \d+ connections.*, 1 tasks$/,
        ),
      }),
    );
    expect(checks).toContainEqual(expect.objectContaining({ name: 'settings', state: 'broken' }));
    expect(settings).toContainEqual({
      name: 'database.url',
      value: expect.stringContaining(':***@'),
      origin: `${config}/berth/config.yaml:2`,
    });
    rmSync(config, { recursive: true });
  });

  test('a newer schema is refused', async () => {
    await using database = new TestDatabase();
    await (await openPostgresStore({ url: database.url })).close();
    await database.query(`insert into migrations values (99, '0099_later', 0)`);

    await expect(openPostgresStore({ url: database.url })).rejects.toMatchObject({
      code: 'SCHEMA_NEWER',
      message: expect.stringContaining('99'),
    });
  });

  test('without LISTEN, behind a pooler, everything still works', async () => {
    await using database = new TestDatabase();
    await using berth = new Berth({ BERTH_DATABASE_URL: `${database.url}&listen=off`, BERTH_HOST: 'one' });
    await berth.up();

    expect((await berth.run(['send', '--wait', 'true'])).code).toBe(0);
  });

  test('twenty processes that open a new database at once all get the one queue', async () => {
    await using database = new TestDatabase();
    const stores = await Promise.all(
      Array.from({ length: 20 }, () => openPostgresStore({ url: database.url })),
    );
    for (const store of stores) await store.close();

    const { rows } = await database.query('select version from migrations order by version');
    expect(rows).toEqual(POSTGRES_MIGRATIONS.map(({ version }) => ({ version })));
  });
});

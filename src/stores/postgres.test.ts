import { randomBytes } from 'node:crypto';
import { describeWith } from '../../test/support/engines.ts';
import type { Store } from '../core/store.ts';
import { storeContract } from '../testing/store-contract.ts';
import type { StoreFixture } from '../testing/store-fixture.ts';
import { openPostgresStore } from './postgres.ts';

describeWith(['postgres'], 'a real PostgreSQL', () => {
  storeContract('the PostgreSQL store', async (): Promise<StoreFixture> => {
    const schema = `test_${randomBytes(6).toString('hex')}`;
    const url = `${process.env.BERTH_TEST_POSTGRES_URL}?schema=${schema}`;
    const handles: Store[] = [];
    let aheadMs = 0;
    return {
      async open() {
        const handle = await openPostgresStore({ url, aheadMs: () => aheadMs });
        handles.push(handle);
        return handle;
      },
      advance(ms) {
        aheadMs += ms;
      },
      async dispose() {
        for (const handle of handles) await handle.close();
        await dropSchema(schema);
      },
    };
  });
});

async function dropSchema(schema: string): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: process.env.BERTH_TEST_POSTGRES_URL ?? '' });
  await client.connect();
  await client.query(`set client_min_messages to warning; drop schema "${schema}" cascade`);
  await client.end();
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../core/store.ts';
import { storeContract } from '../testing/store-contract.ts';
import type { StoreFixture } from '../testing/store-fixture.ts';
import { openSqliteStore } from './sqlite.ts';

storeContract('the SQLite store', async (): Promise<StoreFixture> => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-store-'));
  const handles: Store[] = [];
  let aheadMs = 0;
  return {
    async open() {
      const handle = await openSqliteStore({ directory, now: () => Date.now() + aheadMs });
      handles.push(handle);
      return handle;
    },
    advance(ms) {
      aheadMs += ms;
    },
    async dispose() {
      for (const handle of handles) await handle.close();
      rmSync(directory, { recursive: true });
    },
  };
});
